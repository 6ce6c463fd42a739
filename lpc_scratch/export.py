"""`python -m lpc_scratch.export`: a trained network, for other programs."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from lpc_scratch.commands import command_line
from lpc_scratch.errors import ConfigError
from lpc_scratch.exports.arrays import has_images, write_npz
from lpc_scratch.exports.torch import write_torch
from lpc_scratch.files.atomic import writing
from lpc_scratch.files.markdown import exact
from lpc_scratch.runs import layout
from lpc_scratch.runs.load import load_run
from lpc_scratch.runs.run import Run


@dataclass(frozen=True)
class ExportCommand:
    """Write the trained network of a run for other programs: ONNX runtimes, PyTorch, NumPy.

    onnx is a complete model: it takes inputs as they are in the data set, pixels or your own
    features, as `input` (N, I), and gives `logits` and `latent`. It needs pip install onnx.

    torch is the state dictionary of a torch.nn.Sequential, for standardised inputs:
    network.load_state_dict(safetensors.torch.load_file("model-torch.safetensors")), where network
    is such as nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 16), nn.Linear(16, 10)).
    The file's metadata lists the layers, the scale and shift that standardise, and the classes.
    Of cnn and resnet the network takes images (N, C, H, W).

    npz holds the parameters by name, hidden.0.W as (in, out), and what else it takes to compute
    with them: numpy.load("model.npz").

    All three hold epoch, seed and gamma of the network. A run that is still in training is exported
    as of its last checkpoint.
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run."""
    to: Literal["onnx", "torch", "npz"]
    """The form to write."""
    member: int = 0
    """Which network, where the run has several: its position among the seeds, from 0."""
    output: Path | None = None
    """File to write, replaced if it exists; by default model.onnx, model-torch.safetensors or
    model.npz in the folder of the run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; see `command_line.run`."""
    return command_line.run(_export, arguments)


def _export(arguments: Sequence[str]) -> None:
    command = tyro.cli(ExportCommand, prog="python -m lpc_scratch.export", args=list(arguments))
    run = load_run(command.run)
    path = (command.output or run.folder / layout.EXPORTS[command.to]).resolve()  # where links lead
    _check(command, run, path)
    write, takes = _writer(command.to, run)
    with writing(path.parent):
        write(path, run, command.member)
    shown = command.output or run.folder / path.name
    print(f"{shown}: the network{_which(run, command.member)}, whose input is {takes}")


def _writer(to: str, run: Run) -> tuple[Callable[[Path, Run, int], None], str]:
    """Return what writes a form, and its input in words."""
    shape = f"(N, {run.network.features})"
    if to != "onnx":
        writers = {"torch": write_torch, "npz": write_npz}
        if to == "torch" and has_images(run):
            H, W, C = (*run.image_shape, 1)[:3]
            shape = f"(N, {C}, {H}, {W})"
        return writers[to], f"{run.network.dtype} {shape}, standardised"
    try:
        from lpc_scratch.exports.onnx import INPUT, input_dtype, write_onnx
    except ImportError as error:
        raise ConfigError(
            f"--to onnx needs onnx, which cannot be imported here ({error}): pip install onnx, or "
            "choose torch or npz"
        ) from error
    return write_onnx, f"`{INPUT}`, {input_dtype(run)} {shape}, as stored in the data set"


def _check(command: ExportCommand, run: Run, path: Path) -> None:
    count = len(run.config.seeds)
    if not 0 <= command.member < count:
        choice = f"from 0 to {count - 1}" if count > 1 else "0, as the run has one network"
        raise ConfigError(f"member must be {choice}, not {command.member}")
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "a device or the like"
        raise ConfigError(f"output {path} is {what}: name a file")
    if not path.parent.is_dir():
        raise ConfigError(f"output {path} is in no existing folder: make {path.parent} first")
    if path.name in layout.FILES and (path.parent / layout.CONFIG).exists():
        raise ConfigError(f"output {path} is a file of the run itself: name another")


def _which(run: Run, member: int) -> str:
    seed, gamma = run.config.seeds[member], run.config.initial_gammas[member]
    name = f" of seed {seed}, gamma {exact(gamma)}," if len(run.config.seeds) > 1 else ""
    return f"{name} after {run.epoch} of {run.config.epochs} epochs"


if __name__ == "__main__":
    sys.exit(main())
