"""The progress of a run: a bar on a terminal, plain lines elsewhere, and a table at the end."""

import math
import sys
from collections.abc import Iterable
from statistics import median

from tqdm import tqdm

from lpc_scratch.metrics.registry import BY_NAME
from lpc_scratch.training.result import Row

_ACCURACIES = ("train_accuracy", "test_accuracy", "validation_accuracy")
# The columns of the table at the end with their headings, which keep it narrow.
_SUMMARY = {
    name: BY_NAME[name].label.replace("accuracy", "acc")
    for name in (
        *_ACCURACIES,
        *("nc1", "peak_distance", "kurtosis", "etf_distance", "same_code", "distinct_codes"),
    )
}


class Bar:
    """A progress bar over epochs, on standard error; a `training.Progress`."""

    def __init__(self, epochs: int) -> None:
        self._bar = tqdm(total=epochs, unit="epoch", dynamic_ncols=True)
        self._shown: dict[str, str] = {}

    def epoch(self, epoch: int, loss: float, samples_per_second: float) -> None:
        """Advance to an epoch and show its loss and throughput."""
        self._shown["loss"] = f"{loss:.4g}"
        self._shown["samples/s"] = f"{samples_per_second:,.0f}"
        self._bar.set_postfix(self._shown, refresh=False)
        self._bar.update(epoch - self._bar.n)

    def measured(self, rows: list[Row]) -> None:
        """Show the mean test accuracy and NC1 from now on."""
        self._shown["test acc"] = f"{_mean(rows, 'test_accuracy'):.4f}"
        if measured := _measured(["validation_accuracy"], rows):
            self._shown["validation acc"] = f"{_mean(rows, *measured):.4f}"
        self._shown["NC1"] = f"{_mean(rows, 'nc1'):.3g}"

    def close(self) -> None:
        """Leave the terminal to others."""
        self._bar.close()


class Lines:
    """A line for every measurement, on standard output; a `training.Progress`."""

    def __init__(self) -> None:
        self._rates: list[float] = []

    def epoch(self, epoch: int, loss: float, samples_per_second: float) -> None:
        """Note the throughput; epochs are too many for lines."""
        self._rates.append(samples_per_second)

    def measured(self, rows: list[Row]) -> None:
        """Print the means over the members, and the throughput since the line before."""
        forms = {"loss": ".4g"} | dict.fromkeys(_ACCURACIES, ".4f") | {"nc1": ".3g"}
        names = _measured(forms, rows)
        shown = "  ".join(f"{name} {_mean(rows, name):{forms[name]}}" for name in names)
        if self._rates:
            shown += f"  samples/s {median(self._rates):,.0f}"
            self._rates.clear()
        print(f"epoch {rows[0]['epoch']:4d}  {shown}", flush=True)

    def close(self) -> None:
        """Do nothing."""


def make_progress(epochs: int) -> Bar | Lines:
    """Return a bar where standard error is a terminal, and lines elsewhere."""
    return Bar(epochs) if sys.stderr.isatty() else Lines()


def summary(rows: list[Row]) -> str:
    """Return a table of the last epoch, one line for each member."""
    last = [row for row in rows if row["epoch"] == rows[-1]["epoch"]]
    names = _measured(_SUMMARY, last)
    table = [["seed", *(_SUMMARY[name] for name in names)]]
    table += [[str(row["seed"]), *(f"{row[name]:.4g}" for name in names)] for row in last]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in table]
    return "\n".join(lines)


def _measured(names: Iterable[str], rows: list[Row]) -> list[str]:
    """Return names of columns, without the validation accuracy where nothing is held out."""
    held_out = any(math.isfinite(row["validation_accuracy"]) for row in rows)
    return [name for name in names if held_out or name != "validation_accuracy"]


def _mean(rows: list[Row], name: str) -> float:
    return float(sum(row[name] for row in rows) / len(rows))
