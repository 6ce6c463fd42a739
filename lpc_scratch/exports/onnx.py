"""One network of a run as an ONNX model; needs the package `onnx`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from lpc_scratch.backend import Array
from lpc_scratch.errors import ConfigError
from lpc_scratch.exports.arrays import evaluated_layers, member_parameters, origin
from lpc_scratch.files.atomic import write_atomically
from lpc_scratch.runs.config_file import dump_config
from lpc_scratch.runs.run import Run
from lpc_scratch.version import __version__

OPSET = 17
"""Version of the operators; onnxruntime has it from 1.12 on."""
IR_VERSION = 8
"""Version of the file format, the one that came with the opset."""
INPUT, LATENT, LOGITS = "input", "latent", "logits"
"""Names of the model's input and outputs."""

_LARGEST = 2**31 - 2**20  # bytes: a message of protobuf ends at 2 GiB


def input_dtype(run: Run) -> np.dtype:
    """Return the dtype of the model's input.

    It is the network's, but float64 for features of one's own: they may be large numbers that
    hardly vary, and float32 would lose that before the mean is subtracted.
    """
    return np.dtype(np.float64) if run.feature_mean is not None else run.network.dtype


def write_onnx(path: Path, run: Run, member: int) -> None:
    """Write a network as an ONNX model, atomically.

    Its input `input` (N, I) takes inputs as stored, with any N: the first nodes standardise them.
    Its outputs are `logits` (N, K) and `latent` (N, D), in the run's dtype. The metadata holds
    `class_names` and `image_shape` (JSON), `config` (YAML), and `epoch`, `seed` and `gamma` as in
    `arrays.origin`.

    Raises ConfigError as `evaluated_layers`, or if the network is too large for an ONNX file, and
    OSError if the file cannot be written.
    """
    parameters = member_parameters(run, member)
    if sum(parameter.nbytes for parameter in parameters.values()) > _LARGEST:
        raise ConfigError(f"the network in {run.folder} is beyond ONNX's 2 GiB: export it to npz")
    graph = _Graph()
    _standardise(graph, run)
    layers = evaluated_layers(run)
    for position, (kind, name) in enumerate(layers):
        output = {len(layers) - 2: LATENT, len(layers) - 1: LOGITS}.get(position)
        if kind == "Linear":
            graph.constant(f"{name}.W", parameters[f"{name}.W"])
            graph.constant(f"{name}.b", parameters[f"{name}.b"].reshape(-1))
            graph.add("Gemm", f"{name}.W", f"{name}.b", output=output or f"{name}.affine")
        elif kind == "SiLU":
            x = graph.last
            graph.add("Sigmoid", output=f"{name}.sigmoid")
            graph.add("Mul", x, output=output or f"{name}.active")
        else:
            graph.add({"ReLU": "Relu", "Tanh": "Tanh"}[kind], output=output or f"{name}.active")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "lpc_scratch",
            [_value(INPUT, input_dtype(run), run.network.features, "inputs as stored")],
            [
                _value(LOGITS, run.network.dtype, len(run.class_names), "one column for a class"),
                _value(LATENT, run.network.dtype, run.network.latent_dim, "latent activations"),
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="lpc_scratch",
        producer_version=__version__,
    )
    helper.set_model_props(model, _metadata(run, member))
    onnx.checker.check_model(model, full_check=True)
    write_atomically(path, model.SerializeToString(deterministic=True))


class _Graph:
    """A chain of nodes: each reads what the one before has written."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last = INPUT

    def constant(self, name: str, value: Array) -> None:
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))

    def add(self, operator: str, *others: str, output: str, **settings: Any) -> None:
        """Append output = operator(last output, *others)."""
        inputs = [self.last, *others]
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **settings))
        self.last = output


def _standardise(graph: _Graph, run: Run) -> None:
    """Append ((x - mean) / deviation) * scale + shift, as `Run.standardise` computes it."""
    dtype = run.network.dtype
    if run.feature_mean is not None and run.feature_deviation is not None:
        graph.constant("feature_mean", run.feature_mean)
        graph.constant("feature_deviation", run.feature_deviation)
        graph.add("Sub", "feature_mean", output="centred")
        graph.add("Div", "feature_deviation", output="of_unit_deviation")
        if dtype != np.float64:
            graph.add("Cast", output="cast", to=helper.np_dtype_to_tensor_dtype(dtype))
    if np.any(run.scale != 1):
        graph.constant("scale", np.array(run.scale, dtype))
        graph.add("Mul", "scale", output="scaled")
    if np.any(run.shift != 0):
        graph.constant("shift", np.array(run.shift, dtype))
        graph.add("Add", "shift", output="shifted")


def _value(name: str, dtype: np.dtype, columns: int, what: str) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    return helper.make_tensor_value_info(name, kind, ["N", columns], doc_string=what)


def _metadata(run: Run, member: int) -> dict[str, str]:
    return {
        "class_names": json.dumps(run.class_names),
        "image_shape": json.dumps(run.image_shape),
        "config": dump_config(run.config),
        **{name: repr(value) for name, value in origin(run, member).items()},
    }
