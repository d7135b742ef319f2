"""TensorRT's parser and builder, run for real without a GPU: TensorRT for RTX has the same interface.

Loading an engine needs a GPU; that is `make gpu-check`.
"""

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from contract import tensorrt
from contract.engine_file import Profile, engine_for
from contract.errors import EarshotError
from contract.tensorrt import EngineBuildError, build_engine, configure, engine_key, parse
from export.graph import half_graph, taking_pcm16
from tests.training.conftest import TINY
from training.checkpoint import build_classifier, load_model

trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed: pip install -e '.[dev]'")
ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "bundles/esc50-resnet/weights.safetensors"
PROFILES = (Profile(1, 1, 1), Profile(2, 8, 32))
A10G = (8, 6)


@cache
def tiny_graph() -> bytes:
    graph = half_graph(build_classifier(TINY, classes=4).eval(), TINY.audio.window_samples)
    return bytes(graph.SerializeToString())


@cache
def full_graph() -> bytes:
    model, facts = load_model(SHIPPED)
    return bytes(half_graph(model, facts.recipe.audio.window_samples).SerializeToString())


@pytest.fixture(params=[tiny_graph, full_graph], ids=["tiny", "esc50-resnet"])
def graph(request: pytest.FixtureRequest) -> bytes:
    made: Callable[[], bytes] = request.param
    return made()


@pytest.fixture(scope="module")
def tiny() -> bytes:
    return tiny_graph()


@dataclass(frozen=True)
class Layer:
    """What a test wants to know of a layer."""

    name: str
    type: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


def layers_of(network: Any) -> Iterator[Layer]:  # noqa: ANN401  (an INetworkDefinition)
    for i in range(network.num_layers):
        layer = network.get_layer(i)
        tensors = [layer.get_input(k) for k in range(layer.num_inputs)]
        outputs = tuple(layer.get_output(k).dtype for k in range(layer.num_outputs))
        yield Layer(layer.name, layer.type, tuple(t.dtype for t in tensors if t is not None), outputs)


def reals(layer: Layer) -> set[Any]:
    """Floating formats of its tensors; shapes are integers everywhere."""
    return {dtype for dtype in layer.inputs + layer.outputs if dtype not in {trt.int32, trt.int64, trt.bool}}


def test_the_front_end_is_float32_and_the_network_half(graph: bytes) -> None:
    layers = list(layers_of(parse(trt, graph).network))
    boundary = next(
        i for i, layer in enumerate(layers) if (layer.inputs, layer.outputs) == ((trt.float32,), (trt.float16,))
    )
    frontend, network = layers[:boundary], layers[boundary + 1 :]
    assert all(reals(layer) <= {trt.float32} for layer in frontend)
    assert any(layer.type in {trt.LayerType.CONVOLUTION, trt.LayerType.MATRIX_MULTIPLY} for layer in frontend)
    assert any(layer.type == trt.LayerType.UNARY for layer in frontend)  # the logarithm lies before the boundary
    convolutions = [layer for layer in network if layer.type == trt.LayerType.CONVOLUTION]
    assert len(convolutions) >= 9
    assert all(reals(layer) == {trt.float16} for layer in convolutions)


def test_the_head_is_half_and_the_answers_float32(graph: bytes) -> None:
    network = parse(trt, graph).network
    outputs = [network.get_output(i) for i in range(network.num_outputs)]
    assert [tensor.name for tensor in outputs] == ["logits", "embedding"]
    assert [tensor.dtype for tensor in outputs] == [trt.float32, trt.float32]
    assert network.get_input(0).dtype == trt.float32
    products = [layer for layer in layers_of(network) if layer.type == trt.LayerType.MATRIX_MULTIPLY]
    assert reals(products[-1]) == {trt.float16}


def test_every_node_is_supported(graph: bytes) -> None:
    logger = trt.Logger(trt.Logger.ERROR)
    network = trt.Builder(logger).create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    assert parser.supports_model_v2(graph), [parser.get_error(i).desc() for i in range(parser.num_errors)]


def test_the_network_is_strongly_typed_without_tf32_and_refitting(tiny: bytes) -> None:
    parsed = parse(trt, tiny)
    assert parsed.builder.create_builder_config().get_flag(trt.BuilderFlag.TF32)  # unless it is cleared
    config = configure(trt, parsed, PROFILES, A10G)
    assert parsed.network.get_flag(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    assert config.flags == 0  # neither TF32 nor REFIT, nor any other
    assert config.profiling_verbosity == trt.ProfilingVerbosity.DETAILED
    assert config.num_optimization_profiles == len(PROFILES)


def test_the_engine_is_built_for_the_gpu_that_is_named(tiny: bytes) -> None:
    config = configure(trt, parse(trt, tiny), PROFILES, A10G)
    assert config.num_compute_capabilities == 1
    assert config.get_compute_capability(0) == trt.ComputeCapability.SM86
    assert configure(trt, parse(trt, tiny), PROFILES).num_compute_capabilities != 1


def test_profiles_are_those_that_were_asked_for(tiny: bytes) -> None:
    given = []
    parsed = parse(trt, tiny)

    def create_profile() -> object:
        given.append(parsed.builder.create_optimization_profile())
        return given[-1]

    listening = SimpleNamespace(
        create_builder_config=parsed.builder.create_builder_config, create_optimization_profile=create_profile
    )
    configure(trt, replace(parsed, builder=listening), PROFILES)
    samples = TINY.audio.window_samples
    assert [[tuple(shape) for shape in profile.get_shape("waveform")] for profile in given] == [
        [(1, samples), (1, samples), (1, samples)],
        [(2, samples), (8, samples), (32, samples)],
    ]


def test_an_engine_is_built_and_kept(graph: bytes, tmp_path: Path) -> None:
    key = engine_key(trt, graph, PROFILES, A10G)
    assert (key.library, key.architecture, key.library_version) == ("tensorrt_rtx", "sm86", trt.__version__)
    ready = engine_for(key, tmp_path, lambda: build_engine(trt, graph, PROFILES, compute_capability=A10G))
    assert len(ready.plan) > len(graph) / 2  # it holds the weights
    assert engine_for(key, tmp_path, lambda: pytest.fail("built twice")) == ready


def test_engines_of_other_settings_are_not_loaded(tiny: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    before = engine_key(trt, tiny, PROFILES, A10G)
    monkeypatch.setattr(tensorrt, "SETTINGS", tensorrt.SETTINGS + 1)
    assert engine_key(trt, tiny, PROFILES, A10G).file_name != before.file_name


def test_progress_is_told_and_comes_to_its_end(tiny: bytes) -> None:
    told: list[tuple[str, int, int]] = []
    build_engine(trt, tiny, PROFILES, compute_capability=A10G, progress=lambda *step: told.append(step))
    first, last = told[0], told[-1]
    assert first[0] == last[0]  # the phase around all others
    assert first[1] == 0
    assert last[1] == last[2]
    assert all(0 <= done <= total for _, done, total in told)


def test_an_error_of_the_watcher_ends_the_build(tiny: bytes) -> None:
    def give_up(_phase: str, _done: int, _total: int) -> None:
        raise EarshotError("enough")

    with pytest.raises(EarshotError, match="enough"):
        build_engine(trt, tiny, PROFILES, compute_capability=A10G, progress=give_up)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Severity and message of every line that the library logs."""
    lines: list[tuple[str, str]] = []

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        """Hears more than the one that it stands in for."""

        def log(self, severity: Any, message: str) -> None:  # noqa: ANN401
            lines.append((severity.name, message))

    monkeypatch.setattr(tensorrt, "error_logger", lambda *_: Logger())
    return lines


@pytest.fixture
def heard_ctrl_c() -> Iterator[None]:
    """As at a terminal; a shell lets what it starts in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_ctrl_c")
def test_ctrl_c_ends_the_build(tiny: bytes, logged: list[tuple[str, str]]) -> None:
    """The interrupt arrives as a signal would; the builder is left only after it has stopped."""

    def interrupt(_phase: str, done: int, _total: int) -> None:
        if done == 1:
            _thread.interrupt_main()
            time.sleep(0.01)

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        build_engine(trt, tiny, PROFILES, compute_capability=A10G, progress=interrupt)
    assert threading.active_count() == before
    assert any("cancel" in message.lower() for severity, message in logged if severity == "ERROR")


def test_the_library_has_nothing_to_complain_of(tiny: bytes, logged: list[tuple[str, str]]) -> None:
    build_engine(trt, tiny, PROFILES, compute_capability=A10G)
    assert {"INFO", "VERBOSE"} <= {severity for severity, _ in logged}
    assert not {"ERROR", "WARNING"} & {severity for severity, _ in logged}
    assert not any("TF32" in message for _, message in logged)


def model_of(*nodes: onnx.NodeProto, batch: str | int = "batch") -> bytes:
    waveform = helper.make_tensor_value_info("waveform", TensorProto.FLOAT, [batch, 100])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "graph", [waveform], [logits])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("elsewhere", 1)]
    content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return content


def test_every_node_that_cannot_be_parsed_is_named() -> None:
    content = model_of(
        helper.make_node("Frobnicate", ["waveform"], ["middle"], name="the_first", domain="elsewhere"),
        helper.make_node("Defenestrate", ["middle"], ["logits"], name="the_second", domain="elsewhere"),
    )
    with pytest.raises(EngineBuildError) as caught:
        build_engine(trt, content, PROFILES)
    assert "node the_first (Frobnicate): it knows no such operator" in str(caught.value)
    assert "node the_second (Defenestrate)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_many_bad_nodes_make_no_endless_sentence() -> None:
    names = ["waveform", *(f"t{i}" for i in range(19)), "logits"]
    nodes = [helper.make_node("Odd", [a], [b], name=b, domain="elsewhere") for a, b in pairwise(names)]
    with pytest.raises(EngineBuildError, match="and 15 more"):
        build_engine(trt, model_of(*nodes), PROFILES)


def test_mixed_precisions_are_refused_with_the_reason() -> None:
    content = model_of(
        helper.make_node("Cast", ["waveform"], ["half"], name="cast", to=TensorProto.FLOAT16),
        helper.make_node("Add", ["half", "waveform"], ["logits"], name="the_sum"),
    )
    with pytest.raises(EngineBuildError, match=r"node the_sum \(Add\): .*same input types") as caught:
        build_engine(trt, content, PROFILES)
    assert "/_src/" not in str(caught.value)


@pytest.mark.parametrize("content", [b"nonsense", b"", b"\x08\x07"])
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    with pytest.raises(EngineBuildError):
        build_engine(trt, content, PROFILES)


def test_a_graph_of_one_batch_size_is_refused() -> None:
    content = model_of(helper.make_node("Abs", ["waveform"], ["logits"]), batch=2)
    with pytest.raises(EngineBuildError, match="batch free"):
        build_engine(trt, content, PROFILES)


def test_pcm_graphs_are_refused_for_tensorrt_has_no_16_bit_integers(tiny: bytes) -> None:
    content = taking_pcm16(onnx.load_from_string(tiny)).SerializeToString()
    with pytest.raises(EngineBuildError, match="data type"):
        build_engine(trt, content, PROFILES)


def test_a_gpu_that_the_library_does_not_build_for_is_named(tiny: bytes) -> None:
    with pytest.raises(EngineBuildError, match="does not build for sm61"):
        build_engine(trt, tiny, PROFILES, compute_capability=(6, 1))
