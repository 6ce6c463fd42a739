"""Learning rate and gamma as pure functions of the epoch, which counts from 0."""

import math


def step_rate(epoch: int, base: float, every: int, factor: float) -> float:
    """Multiply the rate by `factor` after every `every` epochs."""
    return base * factor ** (epoch // every)


def cosine_rate(epoch: int, base: float, epochs: int) -> float:
    """Fall from `base` along half a cosine that would reach 0 at epoch `epochs`.

    rate = base (1 + cos(π epoch / epochs)) / 2 (Loshchilov and Hutter 2017, no restarts).
    """
    return base * (1 + math.cos(math.pi * min(epoch, epochs) / max(epochs, 1))) / 2


def warmup_factor(epoch: int, warmup_epochs: int) -> float:
    """Rise linearly over the first `warmup_epochs` epochs: 1/w, 2/w, …, 1, 1, …"""
    return min(1.0, (epoch + 1) / warmup_epochs) if warmup_epochs else 1.0


def geometric_gamma(
    epoch: int,
    initial: float,
    every: int = 5,
    factor: float = 2.0,
    switch: float = 1e3,
    late_factor: float = 1.25,
    maximum: float = 1e6,
) -> float:
    """Grow gamma every `every` epochs: by `factor` up to `switch`, then by `late_factor`.

    With n = epoch // every, gamma = min(initial factor^n, switch) until the switch is reached
    at n = m, then switch late_factor^(n - m); never above `maximum`. The defaults are the
    recipe of the later versions of arXiv 2310.08224, which starts at 1e-4; a `late_factor` of
    1 holds gamma at the switch.

    Parameters
    ----------
    epoch : int
        Epoch, from 0.
    initial : float
        gamma of epoch 0, above 0.
    every : int
        Epochs between two rises.
    factor, late_factor : float
        Growth below the switch, above 1, and from there on, at least 1.
    switch, maximum : float
        Where the slower growth begins, and the cap.
    """
    rises = epoch // every
    # Rounded, so that 1, 10, 100, 1000 is three rises and not, by a float's last bit, four.
    to_switch = max(0, math.ceil(round(math.log(switch / initial) / math.log(factor), 9)))
    if rises < to_switch:
        return min(initial * factor**rises, maximum)
    start = max(initial, switch)
    late_rises = rises - to_switch
    if math.log(start) + late_rises * math.log(late_factor) >= math.log(maximum):
        return maximum  # asked in logarithms, because the power may overflow
    return start * late_factor**late_rises
