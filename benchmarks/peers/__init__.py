"""Ours and the libraries that it is timed against, each behind `run(steps)`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.configurations import Configuration
from benchmarks.errors import LeftOutError
from data_utils import Dataset
from lpc_scratch.backend import Device

OURS = "ours"
NUMBA = "ours, numba"


class Peer(Protocol):
    """A network in training."""

    def run(self, steps: int) -> object:
        """Take that many steps, and return when the device has done them."""


Make = Callable[[Any, Dataset], Peer]
"""Makes a peer of a `Configuration`, or of an `ImageConfiguration`."""


@dataclass(frozen=True)
class Field:
    """Who takes part in a configuration.

    Attributes
    ----------
    peers : dict of str to Peer
        Each has taken its first steps.
    left_out : dict of str to str
        Why the others do not.
    """

    peers: dict[str, Peer]
    left_out: dict[str, str]


def gather_field(candidates: Mapping[str, Make], configuration: Any, dataset: Dataset) -> Field:
    """Make every candidate and let it take two steps, which compiles what it compiles.

    Only ours must work; a candidate that fails is left out with the reason.
    """
    field = Field({}, {})
    for name, make in candidates.items():
        try:
            peer = make(configuration, dataset)
            peer.run(2)
        except ModuleNotFoundError as error:
            field.left_out[name] = f"{error.name} is not installed"
        except LeftOutError as error:
            field.left_out[name] = str(error)
        except Exception as error:  # a foreign library's, of whatever kind
            if name == OURS:
                raise
            field.left_out[name] = f"it failed: {_first_line(error)}"
        else:
            field.peers[name] = peer
    return field


def candidates_on(device: Device) -> dict[str, Make]:
    """Return how every candidate on a device is made; a library is imported at its making."""
    return _on_gpu() if device == "gpu" else _on_cpu()


def image_candidates_on(device: Device) -> dict[str, Make]:
    """Return the same for networks of images."""

    def ours(configuration: Any, dataset: Dataset) -> Peer:
        from benchmarks.peers.our_images import OurImages

        return OurImages(configuration, dataset, device)

    def jax(configuration: Any, dataset: Dataset) -> Peer:
        from benchmarks.peers.jax_images import JaxImages

        return JaxImages(configuration, dataset)

    def torch(kind: str = "TorchImages", **settings: object) -> Make:
        def make(configuration: Any, dataset: Dataset) -> Peer:
            from benchmarks.peers import torch_images

            return getattr(torch_images, kind)(configuration, dataset, **settings)

        return make

    layouts = {"NCHW": False, "channels_last": True}
    place = {} if device == "cpu" else {"device": "cuda"}
    found: dict[str, Make] = {OURS: ours}
    for layout, last in layouts.items():
        found[f"torch eager, {layout}"] = torch(channels_last=last, **place)
    found["torch.compile"] = torch(channels_last=True, compiled=True, **place)
    if device == "cpu":
        return found | {"JAX jit": jax}
    graphs = {
        f"torch, CUDA graph, {layout}": torch("TorchImagesGraph", channels_last=last)
        for layout, last in layouts.items()
    }
    return found | graphs


def _on_cpu() -> dict[str, Make]:
    def with_numba(configuration: Configuration, dataset: Dataset) -> Peer:
        import numba  # noqa: F401 # a missing one is said of it as of any peer

        return _ours(configuration, dataset, numba=True)

    def jax(configuration: Configuration, dataset: Dataset) -> Peer:
        from benchmarks.peers.jax_peer import JaxPeer

        return JaxPeer(configuration, dataset)

    def scikit_learn(configuration: Configuration, dataset: Dataset) -> Peer:
        from benchmarks.peers.sklearn_peer import SklearnPeer

        return SklearnPeer(configuration, dataset)

    return {
        OURS: _ours,
        NUMBA: with_numba,
        "torch eager": _torch("TorchPeer"),
        "torch, fused Adam": _torch("TorchPeer", fused=True),
        "torch.compile, fused Adam": _torch("TorchPeer", fused=True, compiled=True),
        "JAX jit": jax,
        "scikit-learn": scikit_learn,
    }


def _on_gpu() -> dict[str, Make]:
    return {
        OURS: lambda configuration, dataset: _ours(configuration, dataset, "gpu"),
        "torch eager": _torch("TorchPeer", device="cuda"),
        "torch, fused Adam": _torch("TorchPeer", device="cuda", fused=True),
        "torch.compile, fused Adam": _torch("TorchPeer", device="cuda", fused=True, compiled=True),
        "torch, CUDA graph": _torch("TorchGraphPeer"),
    }


def _ours(
    configuration: Configuration, dataset: Dataset, device: Device = "cpu", numba: bool = False
) -> Peer:
    from benchmarks.peers.ours import OurPeer

    return OurPeer(configuration, dataset, device=device, numba=numba)


def _torch(kind: str, **settings: object) -> Make:
    def make(configuration: Configuration, dataset: Dataset) -> Peer:
        from benchmarks.peers import torch_peer

        return getattr(torch_peer, kind)(configuration, dataset, **settings)

    return make


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
