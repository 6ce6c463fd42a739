"""Adversarial attacks from our own backward pass to the input, on batches and stacks of networks.

    model = PixelModel.from_run(load_run("runs/mine"))
    images = model.pixels(digits.x_test)                    pixel units, 0 black, 1 white
    result = pgd(model, images, digits.y_test, epsilon=0.1)
    print(result.accuracy, result.robust_accuracy)

FGSM, PGD and DeepFool follow gradients; Square asks for logits alone, and so shows whether the
gradients hide something.
"""

from lpc_scratch.attacks.deepfool import DeepFoolResult, DeepFoolSummary, deepfool
from lpc_scratch.attacks.gradient import fgsm, pgd
from lpc_scratch.attacks.margins import Margins, margin_gradient_norm
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.result import AttackResult
from lpc_scratch.attacks.square import square_attack

__all__ = [
    "AttackResult",
    "DeepFoolResult",
    "DeepFoolSummary",
    "Margins",
    "PixelModel",
    "deepfool",
    "fgsm",
    "margin_gradient_norm",
    "pgd",
    "square_attack",
]
