"""The numbers of an Adam step that all of its implementations share."""


def adam_factors(
    step: int, learning_rate: float, betas: tuple[float, float], epsilon: float
) -> tuple[float, float]:
    """Return rate and shift, so that Adam's step is p -= rate m / (sqrt(v) + shift).

    With w_i = (1 - β_i) / (1 - β_i^step), m̂ = w₁ m and v̂ = w₂ v, that is
    rate = learning_rate w₁ / sqrt(w₂) and shift = epsilon / sqrt(w₂).
    """
    w1, w2 = ((1 - beta) / (1 - beta**step) for beta in betas)
    return learning_rate * w1 / w2**0.5, epsilon / w2**0.5
