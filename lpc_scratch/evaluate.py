"""`python -m lpc_scratch.evaluate`: what collapse buys, measured on trained runs."""

import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from lpc_scratch.attacks import PixelModel
from lpc_scratch.backend import get_backend
from lpc_scratch.commands import command_line
from lpc_scratch.errors import ConfigError
from lpc_scratch.evaluation.calibration import evaluate_calibration
from lpc_scratch.evaluation.depth import evaluate_depth
from lpc_scratch.evaluation.measurement import COLUMNS, Finding, LeftOut, tidy_rows
from lpc_scratch.evaluation.noise import evaluate_noise
from lpc_scratch.evaluation.ood import evaluate_ood
from lpc_scratch.evaluation.report import write_report
from lpc_scratch.evaluation.robustness import evaluate_robustness
from lpc_scratch.evaluation.subject import Subject, load_subjects
from lpc_scratch.evaluation.training import evaluate_training
from lpc_scratch.evaluation.transfer import evaluate_transfer
from lpc_scratch.evaluation.worst_case import AttackSettings
from lpc_scratch.files.atomic import writing
from lpc_scratch.files.tables import write_csv, write_text
from lpc_scratch.plots.evaluation import save_evaluation_plots
from lpc_scratch.runs import layout
from lpc_scratch.runs.config_file import dump_config
from lpc_scratch.runs.environment import describe_environment

Suite = Literal["robustness", "noise", "ood", "calibration", "transfer", "training", "depth", "all"]


@dataclass(frozen=True)
class EvaluateCommand:
    """Measure what trained runs are worth beyond their accuracy, side by side, and write
    evaluation.csv, evaluation.md and plots.

    robustness attacks the images by all that there is and warns of masked gradients, noise spoils
    them, ood shows inputs of another kind and the network's own mistakes, calibration compares
    confidence with accuracy, transfer trains networks anew (on half of the classes, on few samples,
    on wrong labels), training repeats the accuracies that the run has recorded, and depth measures
    collapse in every layer, on training samples.
    """  # noqa: D205

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN [RUN ...]")]
    """Folders of runs; all networks of a run are measured."""
    suite: tuple[Suite, ...] = ("all",)
    """What to measure; all leaves out the suites that can measure nothing of a run."""
    samples: int = 1000
    """Samples that are looked at, at most; the same for all runs of a data set."""
    epsilon: tuple[float, ...] = AttackSettings.linf
    """Strengths of the attacks that bound every pixel, in pixel units from 0 to 1."""
    epsilon_l2: tuple[float, ...] = AttackSettings.l2
    """Strengths of the attacks that bound the Euclidean length, in pixel units."""
    attack_steps: int = AttackSettings.steps
    """Steps of PGD, APGD and DDN, from each start for each loss or target."""
    attack_targets: int = AttackSettings.targets
    """Classes that the targeted attacks try, the most likely wrong ones first."""
    attack_queries: int = AttackSettings.queries
    """Squares that the attack without gradients tries on an image."""
    steps: int = 1500
    """Optimiser steps of every network that is trained anew."""
    train_samples: int = 2000
    """Training samples of tests of wrong labels, and of the largest of the small training sets."""
    seed: int = 0
    """Decides samples, noise, random starts, held-out classes, shots and wrong labels."""
    device: Literal["cpu", "gpu"] = "cpu"
    """Where the networks live: cpu is NumPy, gpu is CuPy."""
    dataset: str | None = None
    """Path of your own data, where they are no longer where the runs had them."""
    data_dir: Path | None = None
    """Folder with the files of mnist, cifar-10 and the like; looked in first."""
    output: Path | None = None
    """Folder of the results; by default evaluation in the folder of a single run, and
    runs/evaluation-<time> for several."""
    quiet: bool = False
    """Print nothing but errors and warnings."""

    def __post_init__(self) -> None:
        if not self.runs:
            raise ConfigError("no run is named: name one or more run folders")
        if not self.suite:
            raise ConfigError(f"suite is empty: choose from {', '.join(get_args(Suite))}")
        ones = ("attack_steps", "attack_targets", "attack_queries", "steps", "train_samples")
        least = {"samples": 2, "seed": 0} | dict.fromkeys(ones, 1)
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise ConfigError(f"{name} must be at least {minimum}, not {getattr(self, name)}")
        for name in ("epsilon", "epsilon_l2"):
            for value in getattr(self, name):
                if not (math.isfinite(value) and value >= 0):
                    raise ConfigError(f"{name} must be finite and at least 0, not {value}")

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites to run, in order."""
        return tuple(suite for suite in get_args(Suite)[:-1] if {suite, "all"} & set(self.suite))

    @property
    def attack_settings(self) -> AttackSettings:
        """How strong the attacks are."""
        strength = (self.attack_steps, self.attack_targets, self.attack_queries)
        return AttackSettings(self.epsilon, self.epsilon_l2, *strength, self.seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; see `command_line.run`."""
    return command_line.run(_evaluate, arguments)


def _evaluate(arguments: Sequence[str]) -> None:
    command = tyro.cli(EvaluateCommand, prog="python -m lpc_scratch.evaluate", args=list(arguments))
    beside = command.runs[0] / "evaluation" if len(command.runs) == 1 else None
    folder = command.output or beside or command_line.new_folder("evaluation")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"output {folder} is a file, and the results need a folder")
    sample, places = (command.samples, command.seed), (command.data_dir, command.dataset)
    subjects = load_subjects(command.runs, *sample, command.device, *places)
    possible, left_out = _plan(command, subjects)
    rows: list[dict] = []
    settings = dump_config(command, without=("output", "quiet"))
    about = describe_environment(get_backend(command.device))
    started = time.perf_counter()
    for suite, subject in possible:
        before = time.perf_counter()
        for finding in _run_suite(suite, subject, command):
            if isinstance(finding, LeftOut):
                left_out.append((subject.label, finding))
            else:
                rows += tidy_rows(subject, [finding])
        # All files after each suite, whatever the next one meets.
        write_csv(folder / "evaluation.csv", rows, COLUMNS)
        report = write_report(rows, left_out)
        write_text(folder / "evaluation.md", report)
        write_text(folder / layout.CONFIG, settings)
        about["wall_seconds"] = round(time.perf_counter() - started, 1)
        write_text(folder / layout.ENVIRONMENT, json.dumps(about, indent=2) + "\n")
        if not command.quiet:
            print(f"{subject.label}: {suite}, {time.perf_counter() - before:.1f} s", flush=True)
    with writing(folder, " to draw its figures"):
        save_evaluation_plots(rows, folder / layout.PLOTS)
    if not command.quiet:
        print(f"\n{report}\nThe evaluation is in {folder}")


def _plan(
    command: EvaluateCommand, subjects: Sequence[Subject]
) -> tuple[list[tuple[str, Subject]], list[tuple[str, LeftOut]]]:
    """Return which suites can measure which runs, and which others are left out of which runs.

    Raises
    ------
    ConfigError
        If a suite that the user has named can measure nothing of a run.
    """
    possible, left_out = [], []
    for suite, subject in product(command.suites, subjects):
        reason = _obstacle(suite, subject)
        if not reason:
            possible.append((suite, subject))
        elif suite in command.suite:
            raise ConfigError(
                f"{suite} cannot measure {subject.run.folder}, leave it out of --suite: {reason}"
            )
        else:
            left_out.append((subject.label, LeftOut(suite, "", reason)))
    return possible, left_out


def _obstacle(suite: str, subject: Subject) -> str:
    """Return why a suite can measure nothing of a run; nothing if it can."""
    if suite in ("robustness", "noise"):
        try:
            PixelModel.from_run(subject.run)
        except ConfigError as error:
            return f"it changes pixels: {error}"
    if suite == "calibration" and len(subject.y) < 2:
        return "it takes two test samples or more, one of them to fit the temperature"
    return ""


def _run_suite(suite: str, subject: Subject, command: EvaluateCommand) -> Iterator[Finding]:
    seed, steps = command.seed, command.steps
    match suite:
        case "robustness":
            return evaluate_robustness(subject, command.attack_settings)
        case "noise":
            return evaluate_noise(subject, seed)
        case "ood":
            return evaluate_ood(subject, steps, seed, command.data_dir)
        case "calibration":
            return evaluate_calibration(subject)
        case "transfer":
            return evaluate_transfer(subject, steps, command.train_samples, seed)
        case "depth":
            return evaluate_depth(subject, command.samples, seed)
        case _:
            return evaluate_training(subject)


if __name__ == "__main__":
    sys.exit(main())
