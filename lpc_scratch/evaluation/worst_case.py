"""Many attacks on one sample, and the worst that any of them has done to each image."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lpc_scratch.attacks import AttackResult, MinimalResult, PixelModel
from lpc_scratch.attacks.ball import Norm
from lpc_scratch.attacks.settings import FAR
from lpc_scratch.backend import Array

NORMS: tuple[Norm, ...] = ("linf", "l2")

SQUARE, TRANSFER = "square-linf", "transfer-linf"
"""Attacks that follow no gradients of the network that they attack."""

_ROUNDING = 1e-5  # relative and in pixel units: what projection onto a ball may lose in float32


@dataclass(frozen=True)
class AttackSettings:
    """How strong the attacks are.

    Attributes
    ----------
    linf, l2 : epsilons, in pixel units, of the largest change of a pixel and of the Euclidean
        length
    steps : steps of PGD, APGD and DDN after each start, for each loss or target
    targets : how many classes the targeted attacks try, the most likely wrong ones first
    queries : how often Square may ask about an image
    seed : decides random starts and squares
    """

    linf: tuple[float, ...] = (0.05, 0.1)
    l2: tuple[float, ...] = (1.0, 2.0)
    steps: int = 100
    targets: int = 9
    queries: int = 5000
    seed: int = 0

    def epsilons(self, norm: Norm) -> tuple[float, ...]:
        """Return the budgets in a norm."""
        return self.linf if norm == "linf" else self.l2


class AttackedSample:
    """A sample of N images, and what attacks have made of it, on a run of E networks.

    Attributes
    ----------
    model, images, labels : the networks, the pixels (N, I) and the true classes (N,)
    correct : (E, N) bool, whether a network is right about an image before any attack
    shortest : by norm, (E, N) float64: size of the smallest perturbation that has broken the image,
        0 where the network is wrong from the start and infinite where nothing has
    closest : (E, N, I), images broken by the shortest L2 perturbations; unbroken ones are as before
    """

    def __init__(self, model: PixelModel, images: Array, labels: Array) -> None:
        self.model, self.images, self.labels = model, images, labels
        self.correct = np.atleast_2d(model.logits(images).argmax(axis=-1) == labels)
        unbroken = np.where(self.correct, np.inf, 0)
        self.shortest: dict[Norm, Array] = {norm: unbroken.copy() for norm in NORMS}
        self.closest = np.broadcast_to(images, (*self.correct.shape, images.shape[-1])).copy()
        self._standing: dict[tuple[str, Norm, float], Array] = {}
        self._gained: dict[tuple[str, Norm, float], Array] = {}

    def attack(
        self,
        name: str,
        norm: Norm,
        epsilon: float,
        run: Callable[[Array, Array, float], AttackResult],
        left_only: bool = False,
    ) -> None:
        """Attack the images within epsilon, and note what has become of them.

        `run` takes images, labels and epsilon. With `left_only` it gets only the images that no
        attack within this epsilon has broken on every network, and the others count as broken;
        where there are none it is not called.
        """
        before = self.worst_case(norm, epsilon)
        rows = np.flatnonzero(before.any(axis=0)) if left_only else np.arange(len(self.labels))
        after = (before if left_only else self.correct).copy()
        if rows.size:
            result = run(self.images[rows], self.labels[rows], epsilon)
            self._note(result, rows)
            after[:, rows] &= ~result.flipped
        self._standing[name, norm, epsilon] = after
        self._gained[name, norm, epsilon] = before & ~after

    def attack_without_bound(
        self,
        name: str,
        norm: Norm,
        epsilons: tuple[float, ...],
        run: Callable[[Array, Array], MinimalResult],
    ) -> MinimalResult:
        """Look for the shortest perturbations, which count at every epsilon that they fit in."""
        result = run(self.images, self.labels)
        self._note(result, np.arange(len(self.labels)))
        for epsilon in epsilons:
            robust = result.within(epsilon, norm).robust
            self._standing[name, norm, epsilon] = np.atleast_2d(robust)
        return result

    def standing(self, norm: Norm, epsilon: float, *names: str) -> Array:
        """Return (E, N) bool: whether a network is right about an image after all these attacks."""
        return np.logical_and.reduce([self._standing[name, norm, epsilon] for name in names])

    def gained(self, norm: Norm, epsilon: float, name: str) -> Array:
        """Return (E, N) bool: whether an attack broke what none before it had broken."""
        return self._gained[name, norm, epsilon]

    def worst_case(self, norm: Norm, epsilon: float) -> Array:
        """Return (E, N) bool: whether a network is right after all attacks so far.

        What has broken an image counts for every budget that it fits in, of whichever attack and
        norm it is.
        """
        noted = [
            after
            for (_, of, size), after in self._standing.items()
            if (of, size) == (norm, epsilon)
        ]
        fits = ~_exceeds(self.shortest[norm], epsilon)
        return np.logical_and.reduce([self.correct & ~fits, *noted])

    def nearest(self) -> MinimalResult:
        """Return the shortest L2 perturbations that any attack has found."""
        flipped = np.isfinite(self.shortest["l2"])
        steps = np.zeros(flipped.shape, np.int64)
        return MinimalResult(self.images, self.closest, self.correct, flipped, steps)

    def _note(self, result: AttackResult, rows: Array) -> None:
        """Keep the perturbations of some rows where they are the shortest so far."""
        for norm, shortest in self.shortest.items():
            sizes = np.where(result.flipped, result.norms(norm), np.inf)
            sizes = sizes.reshape(-1, len(rows))
            shorter = sizes < shortest[:, rows]
            shortest[:, rows] = np.where(shorter, sizes, shortest[:, rows])
            if norm == "l2":
                member, row = np.nonzero(shorter)
                after = result.adversarials.reshape(*shorter.shape, -1)
                self.closest[member, rows[row]] = after[member, row]


def transferred(model: PixelModel, labels: Array, result: AttackResult) -> AttackResult:
    """Show every network of a run what an attack has made of the images on each of the others."""
    adversarials = np.broadcast_to(result.images, result.adversarials.shape).copy()
    flipped = ~result.correct
    for shift in range(1, len(adversarials)):
        shown = np.roll(result.adversarials, shift, axis=0)
        broken = (model.logits(shown).argmax(axis=-1) != labels) & ~flipped
        adversarials[broken] = shown[broken]
        flipped |= broken
    steps = np.full(flipped.shape, len(adversarials) - 1)
    return AttackResult(result.images, adversarials, result.correct, flipped, steps)


def _exceeds(sizes: Array, epsilon: float) -> Array:
    """Whether perturbations are larger than epsilon by more than rounding."""
    return sizes > min(epsilon, FAR) * (1 + _ROUNDING) + _ROUNDING
