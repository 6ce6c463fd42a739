"""Adversarial attacks from our own backward pass to the input, on batches and stacks of networks.

    model = PixelModel.from_run(load_run("runs/mine"))
    images = model.pixels(digits.x_test)                    pixel units, 0 black, 1 white
    result = pgd(model, images, digits.y_test, epsilon=0.1)
    print(result.accuracy, result.robust_accuracy)

FGSM, PGD and Auto-PGD look for a way within a bound, DeepFool and DDN for the shortest one. They
follow gradients; Square asks for logits alone, and so shows whether the gradients hide something.
What withstands one attack may fall to another: `worst_case` counts what withstands all.
"""

from lpc_scratch.attacks.apgd import apgd
from lpc_scratch.attacks.ddn import ddn
from lpc_scratch.attacks.deepfool import deepfool
from lpc_scratch.attacks.gradient import fgsm, pgd
from lpc_scratch.attacks.margins import Margins, margin_gradient_norm
from lpc_scratch.attacks.minimal import MinimalResult, MinimalSummary
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.result import AttackResult, worst_case
from lpc_scratch.attacks.spectral import spectral_bound
from lpc_scratch.attacks.square import square_attack

__all__ = [
    "AttackResult",
    "Margins",
    "MinimalResult",
    "MinimalSummary",
    "PixelModel",
    "apgd",
    "ddn",
    "deepfool",
    "fgsm",
    "margin_gradient_norm",
    "pgd",
    "spectral_bound",
    "square_attack",
    "worst_case",
]
