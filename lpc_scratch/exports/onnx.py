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
from lpc_scratch.nn.layers import (
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Images,
    Layer,
    Linear,
    MaxPool2d,
    Residual,
    SiLU,
)
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
    Its outputs are `logits` (N, K) and `latent` (N, D), in the run's dtype; convolutions are in
    float32 always, as onnxruntime has none in float64. The metadata holds `class_names` and
    `image_shape` (JSON), `config` (YAML), and `epoch`, `seed` and `gamma` as in `arrays.origin`.

    Raises ConfigError as `evaluated_layers`, or if the network is too large for an ONNX file, and
    OSError if the file cannot be written.
    """
    parameters = member_parameters(run, member)
    if sum(parameter.nbytes for parameter in parameters.values()) > _LARGEST:
        raise ConfigError(f"the network in {run.folder} is beyond ONNX's 2 GiB: export it to npz")
    graph = _Graph(run, parameters)
    _standardise(graph, run)
    *before, second_last, last = evaluated_layers(run, run.network)
    for layer in before:
        graph.layer(*layer)
    graph.layer(*second_last, output=LATENT)
    graph.layer(*last, output=LOGITS)
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

    def __init__(self, run: Run, parameters: dict[str, Array]) -> None:
        self.run, self.parameters = run, parameters
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

    def layer(self, name: str, layer: Layer, output: str = "") -> None:
        """Append the nodes of a layer; images are (N, C, H, W) in between."""
        match layer:
            case Residual():
                self._residual(name, layer, output or f"{name}.sum")
            case Conv2d():
                self._convolution(name, layer, output or f"{name}.convolved")
            case Linear():
                self.constant(f"{name}.W", self.parameters[f"{name}.W"])
                self.constant(f"{name}.b", self.parameters[f"{name}.b"].reshape(-1))
                self.add("Gemm", f"{name}.W", f"{name}.b", output=output or f"{name}.affine")
            case BatchNorm():
                names = [f"{name}.{n}" for n in (*layer.parameter_names, *layer.state_names)]
                for one in names:
                    self.constant(one, self.parameters[one].reshape(-1))
                to = output or f"{name}.normalised"
                self.add("BatchNormalization", *names, output=to, epsilon=layer.epsilon)
            case MaxPool2d():
                places = {"kernel_shape": layer.window, "strides": layer.stride}
                self.add("MaxPool", output=output or f"{name}.largest", **places)
            case GlobalAveragePool():
                mean = {"axes": [2, 3], "keepdims": 0}
                self.add("ReduceMean", output=output or f"{name}.mean", **mean)
            case Images():
                self.constant(f"{name}.shape", np.array([0, *layer.shape]))  # 0: as it is
                self.add("Reshape", f"{name}.shape", output=f"{name}.channels_last")
                self.add("Transpose", output=output or f"{name}.images", perm=[0, 3, 1, 2])
            case Flatten():
                self.add("Transpose", output=f"{name}.channels_last", perm=[0, 2, 3, 1])
                self.add("Flatten", output=output or f"{name}.rows")
            case SiLU():
                x = self.last
                self.add("Sigmoid", output=f"{name}.sigmoid")
                self.add("Mul", x, output=output or f"{name}.active")
            case _:
                operator = {"ReLU": "Relu", "Tanh": "Tanh"}[type(layer).__name__]
                self.add(operator, output=output or f"{name}.active")

    def _residual(self, name: str, layer: Residual, output: str) -> None:
        x, ends = self.last, []
        for path, child in layer.children.items():
            self.last = x
            for inner in evaluated_layers(self.run, child, f"{name}.{path}"):
                self.layer(*inner)
            ends.append(self.last)
        self.add("Add", ends[0] if len(ends) > 1 else x, output=output)

    def _convolution(self, name: str, layer: Conv2d, output: str) -> None:
        wide = self.run.network.dtype != np.float32
        if wide:
            self.add("Cast", output=f"{name}.narrow", to=onnx.TensorProto.FLOAT)
        kernels = self.parameters[f"{name}.W"].reshape(*layer.window, layer.channels, -1)
        used: dict[str, Array] = {"W": kernels.transpose(3, 2, 0, 1)}
        if layer.bias is not None:
            used["b"] = self.parameters[f"{name}.b"].reshape(-1)
        for one, value in used.items():
            self.constant(f"{name}.{one}", value.astype(np.float32))
        (top, bottom), (left, right) = layer.padding
        self.add(
            "Conv",
            *(f"{name}.{one}" for one in used),
            output=f"{name}.convolved32" if wide else output,
            strides=layer.stride,
            pads=[top, left, bottom, right],
        )
        if wide:
            self.add("Cast", output=output, to=onnx.TensorProto.DOUBLE)


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
