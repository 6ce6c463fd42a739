"""Random numbers of the device."""

import numpy as np

from lpc_scratch.backend.cuda.device import xp as cupy


class DeviceGenerators:
    """The generators of E networks on the device: keys (E, 2), and draws made so far.

    A draw takes as many words of each generator as every other, so that their number tells where
    the next begins.
    """

    def __init__(self, members: int) -> None:
        self.keys = cupy.empty((members, 2), np.uint64)
        self.draws = cupy.zeros((), np.uint64)
