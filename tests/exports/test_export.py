"""`python -m lpc_scratch.export`, and that what it writes computes what our networks compute."""

import dataclasses
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import yaml
from safetensors import safe_open
from safetensors.numpy import load_file

import lpc_scratch
from lpc_scratch import load_run
from lpc_scratch.config import TrainConfig
from lpc_scratch.export import main
from lpc_scratch.nn.layers import ACTIVATIONS, ReLU
from lpc_scratch.nn.network import Architecture
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.training import load_configured_dataset, train

TINY = TrainConfig(
    hidden=(16, 12), latent_dim=4, gamma=0.1, learning_rate=5e-3, epochs=2, evaluate_every=2
)
DEVIATION = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-13}
"""Largest difference of two results, relative to the largest number in them."""
RUNS = {
    **{architecture: {"architecture": architecture} for architecture in get_args(Architecture)},
    **{activation: {"activation": activation} for activation in ACTIVATIONS},
    "dropout": {"dropout": 0.3},
    "one hidden layer": {"hidden": (16,)},
    "no hidden layer": {"hidden": ()},
    "none with silu": {"architecture": "none", "activation": "silu"},
    "nonlinear in float64": {"architecture": "nonlinear", "dtype": "float64"},
    "silu in float64": {"activation": "silu", "dtype": "float64"},
    "tanh in float64": {"activation": "tanh", "dtype": "float64"},
    "several seeds": {"seeds": (3, 5), "gammas": (0.1, 1.0)},
    "per channel": {"per_channel": True},
}
IMAGES = {
    "cnn": {"backbone": "cnn", "channels": (4, 5), "crop": 1, "per_channel": True},
    "cnn, none with silu": {
        "backbone": "cnn",
        "channels": (4,),
        "architecture": "none",
        "batch_norm": False,
        "activation": "silu",
        "seeds": (3, 5),
    },
    "resnet": {"backbone": "resnet", "channels": (4, 6), "flip": True, "seeds": (3, 5)},
    "resnet in float64": {
        "backbone": "resnet",
        "channels": (4, 6),
        "dtype": "float64",
        "blocks": 2,
        "stem_stride": 2,
        "activation": "tanh",
        "batch_norm": False,
    },
    "perceptron with crop and flip": {"crop": 1, "flip": True},
}
"""Networks that see images; the last one has no convolution."""
FILES = {"onnx": "model.onnx", "torch": "model-torch.safetensors", "npz": "model.npz"}
PAGE = (Path(__file__).parents[2] / "docs" / "using.md").read_text(encoding="utf-8")
FUNCTIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "silu": lambda x: x / (1 + np.exp(-x)),
}


def make_run(path, **changes):
    train(dataclasses.replace(TINY, **changes), recorder=RunFolder(path))
    return load_run(path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Give the run of a name in RUNS, trained once; nothing may be written to its folder."""
    folder, made = tmp_path_factory.mktemp("runs"), {}

    def get(name):
        if name not in made:
            made[name] = make_run(folder / name, **(RUNS | IMAGES)[name])
        return made[name]

    return get


@pytest.fixture(scope="module")
def digits():
    return load_configured_dataset(TINY)


@pytest.fixture
def features(tmp_path, rng):
    """A run on features of one's own, and these: time stamps and tiny numbers."""
    x = rng.normal(size=(90, 2)) * [60, 1e-9] + [1.7e9, 0]
    y = np.arange(90) % 3
    names = np.array(["ä", "b", "c"])
    np.savez(
        tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9], class_names=names
    )
    return make_run(tmp_path / "run", dataset=str(tmp_path / "mine.npz")), x


def export(run, to, output, member=0):
    arguments = [str(run.folder), "--to", to, "--output", str(output), "--member", str(member)]
    assert main(arguments) == 0
    return output


def run_onnx(file, x):
    """Return logits and latent that onnxruntime computes, on one thread."""
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64}
    (given,) = session.get_inputs()
    assert given.name == "input"
    return session.run(["logits", "latent"], {"input": x.astype(kinds[given.type])})


def of_member(run, member, array):
    return array[member] if run.network.stack else array


def assert_close(found, expected, deviation=None):
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    deviation = deviation or DEVIATION[found.dtype]
    assert np.abs(found - expected).max() <= deviation * np.abs(expected).max()


@pytest.mark.parametrize("name", RUNS | IMAGES)
def test_onnx_model_computes_logits_and_latent_of_all_test_images(runs, digits, tmp_path, name):
    pytest.importorskip("onnx", reason="onnx is not installed")
    run = runs(name)
    for member, _ in enumerate(run.config.seeds):
        file = export(run, "onnx", tmp_path / "model.onnx", member)
        logits, latent = run_onnx(file, digits.x_test)
        # onnxruntime has convolutions in float32 alone
        deviation = 1e-5 if run.config.backbone != "mlp" else None
        assert_close(logits, of_member(run, member, run.logits(digits.x_test)), deviation)
        assert_close(latent, of_member(run, member, run.latent(digits.x_test)), deviation)


def test_onnx_model_standardises_features_of_ones_own(features, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    run, x = features
    logits, latent = run_onnx(export(run, "onnx", tmp_path / "model.onnx"), x)
    assert_close(logits, run.logits(x))
    assert_close(latent, run.latent(x))


@pytest.mark.parametrize("name", ["binary", "resnet"])
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_onnx_model_takes_any_number_of_inputs(runs, digits, tmp_path, rows, name):
    pytest.importorskip("onnx", reason="onnx is not installed")
    logits, latent = run_onnx(
        export(runs(name), "onnx", tmp_path / "model.onnx"), digits.x_test[:rows]
    )
    assert (logits.shape, latent.shape) == ((rows, 10), (rows, 4))


@pytest.mark.parametrize("name", ["binary", "none", "silu", "silu in float64", "resnet"])
def test_onnx_model_is_valid_and_of_widely_read_versions(runs, tmp_path, name):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    file = export(runs(name), "onnx", tmp_path / "model.onnx")
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)
    assert model.producer_name == "lpc_scratch"
    assert model.producer_version == lpc_scratch.__version__
    for value in (*model.graph.input, *model.graph.output):
        batch, _ = value.type.tensor_type.shape.dim
        assert batch.dim_param == "N"


def test_onnx_model_says_what_it_is(features, tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    run, _ = features
    model = onnx.load(export(run, "onnx", tmp_path / "model.onnx"))
    texts = {entry.key: entry.value for entry in model.metadata_props}
    assert sorted(texts) == ["class_names", "config", "epoch", "gamma", "image_shape", "seed"]
    assert json.loads(texts["class_names"]) == ["ä", "b", "c"]
    assert json.loads(texts["image_shape"]) == [2]
    assert TrainConfig(**yaml.safe_load(texts["config"])) == run.config
    assert (texts["epoch"], texts["seed"], texts["gamma"]) == ("2", "0", "0.1")


def test_network_beyond_the_limit_of_onnx_is_refused(runs, tmp_path, capsys, monkeypatch):
    pytest.importorskip("onnx", reason="onnx is not installed")
    monkeypatch.setattr("lpc_scratch.exports.onnx._LARGEST", 1000)
    folder, output = str(runs("binary").folder), tmp_path / "model.onnx"
    assert main([folder, "--to", "onnx", "--output", str(output)]) == 2
    assert "is beyond ONNX's 2 GiB: export it to npz" in capsys.readouterr().err
    assert not output.exists()


def sequential_in_numpy(file, x):
    """Compute what torch.nn.Sequential computes with the arrays of a file."""
    tensors = load_file(file)
    for position, layer in enumerate(torch_metadata(file)["layers"]):
        if layer.startswith("Linear"):
            weight, bias = tensors.pop(f"{position}.weight"), tensors.pop(f"{position}.bias")
            assert layer == "Linear({1}, {0})".format(*weight.shape)
            assert bias.ndim == 1
            x = x @ weight.T + bias
        else:
            x = FUNCTIONS[layer.removesuffix("()").lower()](x)
    assert not tensors
    return x


def torch_metadata(file):
    with safe_open(file, framework="numpy") as opened:
        texts = json.loads(opened.metadata()["lpc_scratch"])
    return {name: json.loads(text) for name, text in texts.items()}


@pytest.mark.parametrize("name", [*RUNS, "perceptron with crop and flip"])
def test_torch_file_holds_the_layers_of_a_sequential(runs, digits, tmp_path, name):
    run = runs(name)
    for member, _ in enumerate(run.config.seeds):
        file = export(run, "torch", tmp_path / "model.safetensors", member)
        found = sequential_in_numpy(file, run.standardise(digits.x_test))
        assert_close(found, of_member(run, member, run.logits(digits.x_test)))


def make_torch(torch, about):
    """Return the Sequential that the metadata of a file describes, in words of docs/using.md."""
    names = vars(torch.nn).copy()
    exec(re.search(r"^class Residual.*?(?=^$\n^\S)", PAGE, re.M | re.S)[0], {"nn": torch.nn}, names)
    return torch.nn.Sequential(*(eval(layer, names) for layer in about["layers"])).eval()


@pytest.mark.parametrize("name", RUNS | IMAGES)
def test_torch_computes_the_logits_of_all_test_images(runs, digits, tmp_path, name):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from safetensors.torch import load_file

    run = runs(name)
    for member, _ in enumerate(run.config.seeds):
        file = export(run, "torch", tmp_path / "model.safetensors", member)
        about = torch_metadata(file)
        network = make_torch(torch, about).to(getattr(torch, run.config.dtype))
        network.load_state_dict(load_file(file))
        x = torch.from_numpy(digits.x_test).to(getattr(torch, run.config.dtype))
        scale, shift = (torch.tensor(about[name], dtype=x.dtype) for name in ("scale", "shift"))
        x = x * scale + shift
        if run.config.backbone != "mlp":
            x = x.reshape(-1, *about["image_shape"], 1).permute(0, 3, 1, 2)
        with torch.no_grad():
            logits = network(x).numpy()
        assert_close(logits, of_member(run, member, run.logits(digits.x_test)))


def test_torch_file_describes_its_inputs_and_classes(features, tmp_path):
    run, x = features
    about = torch_metadata(export(run, "torch", tmp_path / "model.safetensors"))
    assert about["layers"] == [
        *("Linear(2, 16)", "ReLU()", "Linear(16, 12)", "ReLU()"),
        *("Linear(12, 4)", "Linear(4, 3)"),
    ]
    assert about["class_names"] == ["ä", "b", "c"]
    standardised = (x - about["feature_mean"]) / about["feature_deviation"]
    assert (about["scale"], about["shift"]) == (1, 0)
    assert standardised == pytest.approx(run.standardise(x), abs=1e-6)


@pytest.mark.parametrize("member", [0, 1])
def test_every_form_says_which_network_it_is_and_after_which_epoch(runs, tmp_path, member):
    pytest.importorskip("onnx", reason="onnx is not installed")
    import onnx

    run, file = runs("several seeds"), tmp_path / "model"
    expected = {"epoch": 2, "seed": (3, 5)[member], "gamma": (0.1, 1.0)[member]}
    about = torch_metadata(export(run, "torch", file, member))
    assert {name: about[name] for name in expected} == expected
    with np.load(export(run, "npz", file, member)) as arrays:
        assert {name: arrays[name].item() for name in expected} == expected
    properties = onnx.load(export(run, "onnx", file, member)).metadata_props
    texts = {entry.key: entry.value for entry in properties}
    assert {name: json.loads(texts[name]) for name in expected} == expected


def test_seed_beyond_the_integers_of_numpy_is_text_in_npz(tmp_path):
    run = make_run(tmp_path / "run", seeds=(2**64,), epochs=0)
    with np.load(export(run, "npz", tmp_path / "model.npz")) as arrays:
        assert str(arrays["seed"]) == str(2**64)


def test_network_of_a_run_that_is_not_at_its_end_is_said_to_be_of_its_epoch(tmp_path, capsys):
    make_run(tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 2\n", "epochs: 40\n"))
    export(load_run(tmp_path / "run"), "npz", tmp_path / "model.npz")
    assert ": the network after 2 of 40 epochs, whose input is " in capsys.readouterr().out


def test_residual_blocks_are_modules_with_a_branch_and_a_shortcut_in_torch(runs, tmp_path):
    file = export(runs("resnet"), "torch", tmp_path / "model.safetensors")
    norms = (f"BatchNorm2d({C}, eps=1e-05, momentum=0.1)" for C in (4, 4, 4, 6, 6, 6))
    convolution = "Conv2d({}, {}, ({k}, {k}), stride=({s}, {s}), padding=({p}, {p}), bias=False)"

    def made(fan_in, fan_out, k=3, s=1):
        return f"{convolution.format(fan_in, fan_out, k=k, s=s, p=k // 2)}, {next(norms)}"

    stem = made(1, 4).rpartition(", Batch")
    assert torch_metadata(file)["layers"] == [
        *(stem[0], "Batch" + stem[2], "ReLU()"),
        *(f"Residual(Sequential({made(4, 4)}, ReLU(), {made(4, 4)}))", "ReLU()"),
        f"Residual(Sequential({made(4, 6, s=2)}, ReLU(), {made(6, 6)}), "
        f"Sequential({made(4, 6, k=1, s=2)}))",
        *("ReLU()", "AdaptiveAvgPool2d(1)", "Flatten()", "Linear(6, 4)", "Linear(4, 10)"),
    ]
    tensors = load_file(file)
    assert {name: tensors[name].shape for name in tensors if name.startswith("5.short")} == {
        "5.shortcut.0.weight": (6, 4, 1, 1),
        "5.shortcut.1.num_batches_tracked": (),
        **{f"5.shortcut.1.{name}": (6,) for name in ("bias", "weight")},
        **{f"5.shortcut.1.running_{name}": (6,) for name in ("mean", "var")},
    }


@pytest.mark.parametrize("backbone", ["cnn", "resnet"])
def test_torch_file_of_a_default_network_of_images_has_the_keys_of_the_page(tmp_path, backbone):
    stated = set()
    for parts, *cells in re.findall(r"^\| [^|`]*: (.+) \| (.+) \| (.+) \|$", PAGE, re.M):
        prefixes = re.findall("`(.+?)`", cells[["cnn", "resnet"].index(backbone)])
        stated |= {
            f"{prefix}.{part}" for prefix in prefixes for part in re.findall("`(.+?)`", parts)
        }
    run = make_run(tmp_path / "run", backbone=backbone, epochs=0)
    assert stated == load_file(export(run, "torch", tmp_path / "model.safetensors")).keys()


def test_npz_file_of_a_convolutional_network_has_its_settings_and_running_statistics(
    runs, tmp_path
):
    run = runs("resnet")
    with np.load(export(run, "npz", tmp_path / "model.npz", member=1)) as file:
        arrays = dict(file)
    assert arrays["backbone"] == "resnet"
    assert arrays["channels"].tolist() == [4, 6]
    assert (arrays["blocks"], arrays["stem_stride"], arrays["batch_norm"]) == (1, 1, True)
    assert arrays["norm_epsilon"] == 1e-5
    assert arrays["hidden.1.0.shortcut.conv.W"].shape == (4, 6)
    variance = run.network.named_state()["hidden.stem.norm.running_variance"][1]
    assert np.array_equal(arrays["hidden.stem.norm.running_variance"], variance)


def test_nonlinear_architecture_has_its_relu_in_torch(runs, tmp_path):
    file = export(runs("nonlinear"), "torch", tmp_path / "model.safetensors")
    assert torch_metadata(file)["layers"][-3:] == ["Linear(12, 4)", "ReLU()", "Linear(4, 10)"]
    assert sorted(load_file(file))[-4:] == ["4.bias", "4.weight", "6.bias", "6.weight"]


@pytest.mark.parametrize("name", RUNS)
def test_npz_file_is_enough_to_compute_the_logits(runs, digits, tmp_path, name):
    run = runs(name)
    for member, _ in enumerate(run.config.seeds):
        with np.load(export(run, "npz", tmp_path / "model.npz", member)) as file:
            arrays = dict(file)
        x = digits.x_test * arrays["scale"].astype(run.config.dtype) + arrays["shift"]
        x = x.astype(run.config.dtype)
        activation = FUNCTIONS[str(arrays["activation"])]
        for index in range(len(run.config.hidden)):
            x = activation(x @ arrays[f"hidden.{index}.W"] + arrays[f"hidden.{index}.b"])
        if arrays["architecture"] != "none":
            x = x @ arrays["latent.W"] + arrays["latent.b"]
        if arrays["architecture"] == "nonlinear":
            x = np.maximum(x, 0)
        logits = x @ arrays["classifier.W"] + arrays["classifier.b"]
        assert_close(logits, of_member(run, member, run.logits(digits.x_test)))
        assert arrays["class_names"].tolist() == list(digits.class_names)
        assert arrays["image_shape"].tolist() == [8, 8]
        assert "feature_mean" not in arrays


def test_npz_file_has_mean_and_deviation_of_features_of_ones_own(features, tmp_path):
    run, _ = features
    with np.load(export(run, "npz", tmp_path / "model.npz")) as arrays:
        assert np.array_equal(arrays["feature_mean"], run.feature_mean)
        assert np.array_equal(arrays["feature_deviation"], run.feature_deviation)
        assert arrays["class_names"].tolist() == ["ä", "b", "c"]


@pytest.mark.parametrize("to", FILES)
def test_export_goes_into_the_run_folder_replaces_itself_and_says_so(tmp_path, capsys, to):
    if to == "onnx":
        pytest.importorskip("onnx", reason="onnx is not installed")
    make_run(tmp_path / "run")
    before = set((tmp_path / "run").iterdir())
    contents = []
    for _ in range(2):
        assert main([str(tmp_path / "run"), "--to", to]) == 0
        (file,) = set((tmp_path / "run").iterdir()) - before
        contents.append(file.read_bytes())
        file.write_bytes(b"old")
    assert file.name == FILES[to]
    assert contents[0] == contents[1]
    given = {"onnx": "`input`, float32 (N, 64), as stored in the data set"}
    takes = given.get(to, "float32 (N, 64), standardised")
    said = f"{file}: the network after 2 of 2 epochs, whose input is {takes}\n"
    assert capsys.readouterr().out == said * 2


def test_network_of_a_stack_is_named_by_seed_and_gamma(runs, tmp_path, capsys):
    export(runs("several seeds"), "npz", tmp_path / "model.npz", member=1)
    said = "model.npz: the network of seed 5, gamma 1, after 2 of 2 epochs, whose input"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_layer_of_ones_own_goes_to_npz_alone(runs, tmp_path, capsys, monkeypatch, to):
    if to == "onnx":
        pytest.importorskip("onnx", reason="onnx is not installed")
    run = runs("binary")
    monkeypatch.setitem(ACTIVATIONS, "relu", type("Mine", (ReLU,), {}))
    assert main([str(run.folder), "--to", to, "--output", str(tmp_path / "model")]) == 2
    error = capsys.readouterr().err
    assert "has the layer Mine, which other programs do not have: export it to npz" in error
    assert not (tmp_path / "model").exists()
    export(run, "npz", tmp_path / "model.npz")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{run}", "--to", "npz", "--member", "1"], "member must be 0, as the run has one network"),
        (["{run}", "--to", "npz", "--member", "-1"], "member must be 0, as the run has one"),
        (["{two}", "--to", "npz", "--member", "2"], "member must be from 0 to 1, not 2"),
        (["{run}", "--to", "npz", "--output", "taken"], "taken is a folder: name a file"),
        (["{run}", "--to", "npz", "--output", ""], "is a folder: name a file"),
        (
            ["{run}", "--to", "npz", "--output", "{run}/model.safetensors"],
            "model.safetensors is a file of the run itself: name another",
        ),
        (["{run}", "--to", "npz", "--output", "no/such/folder"], "is in no existing folder: make"),
        (["taken", "--to", "npz"], "taken holds no run: it has no config.yaml"),
        (["nowhere", "--to", "npz"], "nowhere does not exist"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(
    runs, tmp_path, capsys, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    folders = {"run": runs("binary").folder, "two": runs("several seeds").folder}
    assert main([argument.format(**folders) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert list(tmp_path.rglob("*")) == [tmp_path / "taken"]


@pytest.mark.parametrize("arguments", [["--to", "npz"], ["run"], ["run", "--to", "pickle"]])
def test_arguments_that_are_missing_or_unknown_end_with_exit_code_2(arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_onnx_that_is_not_installed_is_one_sentence(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)  # makes the import fail
    monkeypatch.delitem(sys.modules, "lpc_scratch.exports.onnx", raising=False)
    output = tmp_path / "model.onnx"
    assert main([str(runs("binary").folder), "--to", "onnx", "--output", str(output)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --to onnx needs onnx, which cannot be imported here")
    assert error.endswith("pip install onnx, or choose torch or npz\n")
    assert not output.exists()


def test_command_runs_as_a_module(runs, tmp_path):
    arguments = [runs("binary").folder, "--to", "npz", "--output", tmp_path / "model.npz"]
    command = [sys.executable, "-m", "lpc_scratch.export", *arguments]
    shown = subprocess.run(command, capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert np.load(io.BytesIO((tmp_path / "model.npz").read_bytes()))["scale"] == 0.125


def test_help_shows_how_to_load(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert 'safetensors.torch.load_file("model-torch.safetensors")' in shown
    assert "{onnx,torch,npz}" in shown
