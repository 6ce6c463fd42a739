"""Muon: descent in the spectral norm."""

from collections.abc import Sequence

from lpc_scratch.backend import Array
from lpc_scratch.nn.optim.base import TensorOptimizer


class Muon(TensorOptimizer):
    """The momentum's polar factor (Jordan et al. 2024); biases, which have none, by AdamW.

    v = momentum v + g = U S Vᵀ; p -= learning_rate (sqrt(max(I, O)) U Vᵀ + weight_decay p). There
    is no dampening and no Nesterov momentum. At full rank the update has the root mean square 1,
    at rank r it has sqrt(r / min(I, O)): a classifier's gradient sums to zero over the K classes,
    so that with D >= K it has sqrt((K - 1) / K). (The factor 0.2 of arXiv 2502.16982 is part of
    the learning rate here.) What else differs from the original is that all singular values above
    5e-4 ||v||_F become 1 to within 0.1 % (see `Reference.polar_factor`), where its five steps leave
    them between 0.68 and 1.13. Weight decay is decoupled.

    Its norm is the spectral one: among all d of a largest singular value of 1, U Vᵀ has the largest
    <v, d> (arXiv 2409.20325). Rotations of the inputs or of the outputs rotate the update.

    A tensor with a dimension of 1 is updated as by `AdamW`; `gradient_sum` is its first moment, and
    v for the matrices, whose `square_sum` stays 0.
    """

    moment_names = ("gradient_sum", "square_sum")
    options = ("momentum", "betas", "epsilon", "weight_decay")
    primitives = ("accumulate", "polar_factor", "descend", "adam_step")

    def __init__(
        self,
        parameters: Array,
        gradients: Array,
        shapes: Sequence[tuple[int, int]],
        momentum: float = 0.9,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, gradients, shapes, momentum, weight_decay)
        self.betas = betas
        self.epsilon = epsilon

    def _update(self, arrays: list[Array], learning_rate: float) -> None:
        if 1 not in arrays[0].shape[-2:]:
            super()._update(arrays, learning_rate)
            return
        flat = (array.reshape(-1) for array in arrays)
        settings = (self.betas, self.epsilon, self.weight_decay, True)
        self.ops.adam_step(*flat, self.steps, learning_rate, *settings)

    def direction(self, velocity: Array) -> Array:
        """Return sqrt(max(I, O)) U Vᵀ."""
        return max(velocity.shape[-2:]) ** 0.5 * self.ops.polar_factor(velocity)
