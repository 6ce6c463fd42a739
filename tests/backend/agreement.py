"""What holds the primitives of a device to the reference."""

import numpy as np

from lpc_scratch.backend.reference import Reference

REFERENCE = Reference(np)


def assert_agrees(device, name, arguments, stack, dtype, rtol):
    ops, to_device, to_host = device

    def call(function, place):
        placed = [
            [np.random.Generator(np.random.SFC64(s)) for s in range(*stack or (1,))]
            if isinstance(a, str)
            else place(a.astype(dtype) if a.dtype == float else a)
            if isinstance(a, np.ndarray)
            else a
            for a in arguments
        ]
        results = function(*placed)
        results = results if isinstance(results, tuple) else (results,)
        in_place = [a for a in placed if hasattr(a, "dtype")]
        if name == "gather":
            del in_place[2]  # `raw` is a buffer, not a result
        return [r for r in (*results, *in_place) if r is not None]

    expected = call(getattr(REFERENCE, name), np.array)
    for result, reference in zip(call(getattr(ops, name), to_device), expected, strict=True):
        assert result.shape == reference.shape
        assert result.dtype == reference.dtype
        scale = np.abs(reference).max(initial=0.0) if dtype == np.float32 else 1e-3
        assert np.allclose(to_host(result), reference, rtol=rtol, atol=rtol * scale)
