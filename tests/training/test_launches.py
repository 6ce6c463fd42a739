"""What a recorded step costs a GPU: its launches, and the bytes of the arrays that they are given.

On small networks the launches are what a step takes, on large ones the bytes: whoever adds some,
or saves some, sees it here, without a GPU.
"""

from collections import Counter

import numpy as np
import pytest

from data_utils import load_dataset
from lpc_scratch.config import TrainConfig
from lpc_scratch.training.trainer import Trainer

BATCH, MAPS = 64, ((64, 256), (256, 256), (256, 16), (16, 10))
HIDDEN, LATENT, LOGITS = (BATCH * width * 4 for width in (256, 16, 10))  # bytes of activations
PARAMETERS = 4 * sum((fan_in + 1) * fan_out for fan_in, fan_out in MAPS)
BIAS = 4 * 256  # of a hidden layer
ENDS = LATENT + LOGITS + 4 * (16 + 10)  # of the two layers without a ReLU
PRODUCTS = [4 * (BATCH * i + i * o + BATCH * o) for i, o in MAPS]

STEP = {  # launches, and bytes of all of them together
    "gather_bytes": (1, 8 + 4 * BATCH * 64),
    "gather_labels": (1, 8 + 8 * BATCH),
    "product": (11, 3 * sum(PRODUCTS) - PRODUCTS[0]),  # the first layer hands no gradient on
    "add_bias": (2, ENDS),
    "add_bias_relu": (2, 2 * HIDDEN + 2 * BIAS),
    "softmax_cross_entropy": (1, 2 * LOGITS + 8 * BATCH + 4),
    "exp_penalty": (1, 2 * LATENT + 8),
    "add": (3, 8 + 2 * LATENT + 8),  # two losses, two gradients of the latent, the step's number
    "sum_rows": (2, ENDS),
    "relu_backward_sum": (2, 4 * HIDDEN + 2 * BIAS),
    "adam_step": (1, 4 * PARAMETERS + 16),
    "end_step": (1, 4 + 8),
}


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def recorded(digits, **settings):
    """Return name and bytes of every launch of a step, without the arrays that it picks from."""
    trainer = Trainer(TrainConfig(device="gpu", **settings), digits)
    order = np.broadcast_to(
        np.arange(trainer.batch_size), (*trainer.network.stack, trainer.batch_size)
    )
    trainer.start_epoch(0)
    trainer.take_steps(order, 1e-3, 1.0)
    executor = trainer._executor
    whole = {
        "gather_bytes": trainer.x_train.nbytes + executor._order.nbytes,
        "gather_labels": trainer.y_train.nbytes + executor._order.nbytes,
        "end_step": executor._losses.nbytes,
    }
    launches = executor._graph._graph.launches
    return [(launch.name, launch.nbytes - whole.get(launch.name, 0)) for launch in launches]


@pytest.mark.usefixtures("cuda_stand_in")
def test_a_step_has_no_more_launches_and_bytes_than_are_known(digits):
    found = recorded(digits)
    launches, moved = Counter(name for name, _ in found), Counter()
    for name, nbytes in found:
        moved[name] += nbytes
    assert {name: (launches[name], moved[name]) for name in launches} == STEP
    assert len(found) == 28


@pytest.mark.usefixtures("cuda_stand_in")
def test_networks_side_by_side_share_the_launches_of_one(digits):
    one, three = (recorded(digits, seeds=seeds) for seeds in ((0,), (0, 1, 2)))
    assert [name for name, _ in three] == [name for name, _ in one]


@pytest.mark.usefixtures("cuda_stand_in")
def test_dropout_takes_four_launches_a_layer(digits):
    found = Counter(name for name, _ in recorded(digits, dropout=0.5))
    more = found - Counter({name: count for name, (count, _) in STEP.items()})
    assert more == {"dropout_mask": 1, "multiply": 2, "add": 1}


@pytest.mark.usefixtures("cuda_stand_in")
def test_rows_beyond_256_are_summed_by_a_launch_of_their_own(digits):
    counts = [Counter(name for name, _ in recorded(digits, batch_size=rows)) for rows in (256, 257)]
    assert counts[1] - counts[0] == {"relu_backward": 2, "sum_rows": 2}
    assert counts[0] - counts[1] == {"relu_backward_sum": 2}
