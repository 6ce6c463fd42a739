"""Whether the memory that a configuration needs is there."""

from data_utils import Dataset
from lpc_scratch.backend import get_backend
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import MemoryLimitError
from lpc_scratch.files import host_memory
from lpc_scratch.training.memory import RequiredMemory, format_bytes, required_memory


def check_memory(config: TrainConfig, dataset: Dataset) -> RequiredMemory:
    """Return what a configuration needs, if that much memory is there.

    Raises
    ------
    MemoryLimitError
        If it is not; the message names both amounts and the way out.
    DeviceError
        If the configuration's device cannot be used.
    """
    required = required_memory(config, dataset)
    of_device = get_backend(config.device).free_memory or host_memory.free_memory
    for kind, needed, free_memory in (
        ("GPU memory", required.device, of_device),
        ("memory", required.host, host_memory.free_memory),
    ):
        available = free_memory() if needed else 0
        if needed > available:
            fewer = ", or fewer seeds" if len(config.seeds) > 1 else ""
            raise MemoryLimitError(
                f"this configuration needs about {format_bytes(needed)} of {kind} and "
                f"{format_bytes(available)} are available: use smaller hidden layers, a smaller "
                f"latent_dim or batch_size{fewer}"
            )
    return required
