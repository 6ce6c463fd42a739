"""The progress of a run: a bar on a terminal, plain lines elsewhere, and a table at the end."""

import math
import sys
from statistics import median

from tqdm import tqdm

from lpc_scratch.metrics.registry import BY_NAME
from lpc_scratch.training.result import Row

# The columns of the table at the end with their headings, which keep it narrow.
_SUMMARY = {
    name: BY_NAME[name].label.replace("accuracy", "acc")
    for name in (
        *("train_accuracy", "test_accuracy", "nc1", "peak_distance", "kurtosis"),
        *("etf_distance", "same_code", "distinct_codes"),
    )
}

_VALIDATION = "validation_accuracy"  # shown where there is a part that it is measured on


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
        if _has_validation(rows):
            self._shown["validation acc"] = f"{_mean(rows, _VALIDATION):.4f}"
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
        parts = {"loss": ".4g", "train_accuracy": ".4f", "test_accuracy": ".4f", "nc1": ".3g"}
        if _has_validation(rows):
            parts[_VALIDATION] = ".4f"
        shown = "  ".join(f"{name} {_mean(rows, name):{form}}" for name, form in parts.items())
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
    columns = _SUMMARY | ({_VALIDATION: "validation acc"} if _has_validation(last) else {})
    table = [["seed", *columns.values()]]
    table += [[str(row["seed"]), *(f"{row[name]:.4g}" for name in columns)] for row in last]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in table]
    return "\n".join(lines)


def _has_validation(rows: list[Row]) -> bool:
    return any(math.isfinite(row[_VALIDATION]) for row in rows)


def _mean(rows: list[Row], name: str) -> float:
    return float(sum(row[name] for row in rows) / len(rows))
