"""Accuracy under attack, how little it takes to break an image, and signs that attacks mislead."""

from collections.abc import Callable, Iterator
from functools import partial

from lpc_scratch.attacks import (
    AttackResult,
    PixelModel,
    apgd,
    ddn,
    deepfool,
    fgsm,
    pgd,
    square_attack,
)
from lpc_scratch.attacks.ball import Norm
from lpc_scratch.backend import Array
from lpc_scratch.evaluation.distances import (
    DEEPFOOL_SETTINGS,
    Slopes,
    measure_distances,
    measure_slopes,
)
from lpc_scratch.evaluation.masking import signs_of_masking
from lpc_scratch.evaluation.measurement import Finding, Measurement
from lpc_scratch.evaluation.subject import Subject
from lpc_scratch.evaluation.worst_case import (
    NORMS,
    SQUARE,
    TRANSFER,
    AttackedSample,
    AttackSettings,
    transferred,
)

STARTS = 2
STEP = 0.25  # of epsilon: smaller steps find fewer adversarials where logits are nearly flat

FITS = "right where the perturbation is longer than epsilon"

Attack = Callable[[Array, Array, float], AttackResult]
"""An attack on images (N, I), with labels (N,), within an epsilon."""


def evaluate_robustness(subject: Subject, settings: AttackSettings) -> Iterator[Finding]:
    """Attack the sample of a subject by all that there is.

    Yields the accuracy in the worst case over all attacks for each image, and under each attack;
    the shortest perturbations that any of them has found, and what DeepFool says of them; how steep
    margin and loss are, and what that guarantees; and, as a suite of its own, the signs of gradient
    masking. Raises ConfigError if the run was not trained on pixels, or for an epsilon that is
    negative or no number.
    """
    model = PixelModel.from_run(subject.run)
    sample = AttackedSample(model, model.pixels(subject.x), subject.y)
    shown = f"{len(subject.y)} test images in [0, 1]"
    # Without a bound first: what they break need not be shown to Square.
    found = sample.attack_without_bound("deepfool-l2", "l2", settings.l2, partial(deepfool, model))
    texts = {norm: _attack(sample, norm, settings) for norm in NORMS}
    texts["l2"]["deepfool-l2"] = f"{DEEPFOOL_SETTINGS}; {FITS}"

    clean = sample.correct.mean(axis=-1)
    yield Measurement("robustness", "no attack", "accuracy", clean, 0.0, shown)
    worst = "right after every attack; a perturbation counts for each norm and epsilon it fits in"
    for norm in NORMS:
        for epsilon in settings.epsilons(norm):
            share = sample.worst_case(norm, epsilon).mean(axis=-1)
            text = f"{worst}, {shown}"
            yield Measurement("robustness", f"worst case, {norm}", "accuracy", share, epsilon, text)
    for norm in NORMS:
        for name, text in texts[norm].items():
            for epsilon in settings.epsilons(norm):
                share = sample.standing(norm, epsilon, name).mean(axis=-1)
                about = f"{text}, {shown}"
                yield Measurement("robustness", name, "accuracy", share, epsilon, about)
    slopes = Slopes.measure(model, sample.images, sample.labels)
    yield from measure_distances(sample, found, shown)
    yield from measure_slopes(sample, slopes, shown)
    yield from signs_of_masking(sample, found, slopes, settings)


def _attack(sample: AttackedSample, norm: Norm, settings: AttackSettings) -> dict[str, str]:
    """Attack the sample within every epsilon of a norm; return what the numbers depend on."""
    model, steps, epsilons = sample.model, settings.steps, settings.epsilons(norm)
    targets = min(settings.targets, model.classes - 1)
    shortest = partial(ddn, model, steps=steps, norm=norm, targets=targets)
    sample.attack_without_bound(f"ddn-{norm}", norm, epsilons, shortest)
    attacks = _attacks(model, norm, settings)
    for epsilon in epsilons:
        for name, (attack, _) in attacks.items():
            sample.attack(name, norm, epsilon, attack, left_only=name == SQUARE)
    texts = {name: text for name, (_, text) in attacks.items()}
    return texts | {f"ddn-{norm}": f"{steps} steps {_towards(targets)}; {FITS}"}


def _attacks(
    model: PixelModel, norm: Norm, settings: AttackSettings
) -> dict[str, tuple[Attack, str]]:
    """Return the attacks within a bound, and what they depend on, in order."""
    steps, seed = settings.steps, settings.seed
    targets = min(settings.targets, model.classes - 1)

    def by_pgd(x: Array, y: Array, epsilon: float) -> AttackResult:
        length = STEP * epsilon or None
        return pgd(model, x, y, epsilon, norm, steps, length, restarts=STARTS, seed=seed)

    def by_apgd(x: Array, y: Array, epsilon: float, targets: int = 0) -> AttackResult:
        return apgd(model, x, y, epsilon, norm, steps, loss="both", targets=targets, seed=seed)

    def by_transfer(x: Array, y: Array, epsilon: float) -> AttackResult:
        return transferred(model, y, fgsm(model, x, y, epsilon))

    with_gradients: dict[str, tuple[Attack, str]] = {
        f"pgd-{norm}": (
            by_pgd,
            f"{steps} steps of epsilon * {STEP:g}, from the point of one full step and from a "
            "random one, up the log-odds and then the margin",
        ),
        f"apgd-{norm}": (by_apgd, f"{steps} steps up the log-odds and then the margin"),
        f"apgd-t-{norm}": (
            partial(by_apgd, targets=targets),
            f"{steps} steps {_towards(targets)}",
        ),
    }
    if norm == "l2":
        return with_gradients
    of_others = {TRANSFER: (by_transfer, "what fgsm made on the other networks of the run")}
    return {
        "fgsm": (partial(fgsm, model), "one step"),
        **with_gradients,
        **(of_others if model.network.stack else {}),
        SQUARE: (
            partial(square_attack, model, iterations=settings.queries, seed=seed),
            f"{settings.queries} squares, no gradient; it saw only the images that no other attack "
            "had broken, and the others count as broken",
        ),
    }


def _towards(targets: int) -> str:
    return f"towards each of the {targets} likeliest other classes"
