"""How a plan is loaded and asked, against a library that only writes down what it is told.

What the real one makes of it needs a GPU: that is `make gpu-check`.
"""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from contract.engine_file import EngineKey, Profile
from export import engines
from export.engines import PROFILES, UnavailableError, find_library
from export.gpu.plans import Plan, PlanError, plan_for, profile_for
from contract.tensorrt import engine_key

trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed: pip install 'earshot[dev]'")
CPU = torch.device("cpu")
SAMPLES, CLASSES, WIDTH = 100, 4, 8


class Context:
    """Notes each call under its name; refuses what `refuses` names."""

    def __init__(self, refuses: str = "") -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._refuses = refuses

    def __getattr__(self, name: str) -> Callable[..., bool]:
        assert hasattr(trt.IExecutionContext, name), f"TensorRT has no {name}"

        def call(*arguments: object) -> bool:
            self.calls.append((name, arguments))
            return name != self._refuses

        return call

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch = next(shape[0] for called, (_, shape) in self.calls if called == "set_input_shape")
        return (batch, {"logits": CLASSES, "embedding": WIDTH}[name])


def library(context: Context | None, loads: bool = True) -> ModuleType:
    """As much of TensorRT as a plan needs."""
    engine = SimpleNamespace(
        get_tensor_shape=lambda _: (-1, SAMPLES),
        create_runtime_config=SimpleNamespace,
        create_execution_context=lambda config=None: context if config is None or is_eager(config) else None,
    )

    def load(_plan: bytes) -> SimpleNamespace | None:
        return engine if loads else None

    module = ModuleType("tensorrt")
    module.__dict__.update(vars(trt) | {"__name__": "tensorrt"})
    vars(module)["Runtime"] = lambda _: SimpleNamespace(deserialize_cuda_engine=load)
    return module


def is_eager(config: SimpleNamespace) -> bool:
    chosen = config.dynamic_shapes_kernel_specialization_strategy
    return bool(chosen == trt.DynamicShapesKernelSpecializationStrategy.EAGER)


@pytest.fixture(autouse=True)
def stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream without a GPU."""
    found = SimpleNamespace(cuda_stream=7, synchronize=lambda: None)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _device=None: found)


def test_a_plan_is_asked_in_the_order_that_tensorrt_wants() -> None:
    context = Context()
    compute = Plan(library(context), b"plan", PROFILES).context(8, CPU)
    waves = torch.zeros(8, SAMPLES)
    logits, embedding = compute(waves)
    assert (logits.shape, embedding.shape) == ((8, CLASSES), (8, WIDTH))
    assert context.calls == [
        ("set_optimization_profile_async", (1, 7)),
        ("set_input_shape", ("waveform", (8, SAMPLES))),
        ("set_tensor_address", ("logits", logits.data_ptr())),
        ("set_tensor_address", ("embedding", embedding.data_ptr())),
        ("set_tensor_address", ("waveform", waves.data_ptr())),
        ("execute_async_v3", (7,)),
    ]
    assert compute(waves)[0].data_ptr() == logits.data_ptr()  # a CUDA graph wants them where they are


@pytest.mark.parametrize(
    ("refuses", "sentence"),
    [
        ("set_optimization_profile_async", "refuses batches of 1"),
        ("set_input_shape", "refuses batches of 1"),
        ("execute_async_v3", "does not run its plan"),
    ],
)
def test_what_tensorrt_refuses_is_said(refuses: str, sentence: str) -> None:
    plan = Plan(library(Context(refuses)), b"plan", PROFILES)
    with pytest.raises(PlanError, match=sentence):
        plan.context(1, CPU)(torch.zeros(1, SAMPLES))


@pytest.mark.parametrize(
    ("name", "capability", "made_for"),
    [("tensorrt", (9, 0), True), ("tensorrt_rtx", (8, 6), True), ("tensorrt_rtx", (9, 0), False)],
)
def test_only_tensorrt_for_rtx_is_excused_and_only_from_other_gpus(
    name: str, capability: tuple[int, int], made_for: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    monkeypatch.setattr(engines, "build_engine", lambda *_, **__: b"plan")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    module = library(Context("execute_async_v3"))
    module.__name__ = name
    compute = plan_for(module, b"graph", lambda _: None).context(1, CPU)
    sentence = "does not run its plan" if made_for else "TensorRT for RTX does not support sm90"
    with pytest.raises(PlanError if made_for else UnavailableError, match=sentence):
        compute(torch.zeros(1, SAMPLES))


def test_a_plan_that_does_not_load_is_refused() -> None:
    with pytest.raises(PlanError, match="does not load its own plan"):
        Plan(library(Context(), loads=False), b"plan", PROFILES)


def test_a_plan_without_room_is_refused() -> None:
    with pytest.raises(PlanError, match="no room"):
        Plan(library(None), b"plan", PROFILES).context(1, CPU)


@pytest.mark.parametrize(("batch", "index"), [(1, 0), (2, 1), (8, 1), (32, 1)])
def test_each_batch_has_its_profile(batch: int, index: int) -> None:
    assert profile_for(batch, PROFILES) == index


def test_a_batch_without_a_profile_is_refused() -> None:
    with pytest.raises(PlanError, match="only of 1 to 1, 2 to 32"):
        profile_for(33, PROFILES)
    with pytest.raises(PlanError):
        profile_for(3, (Profile(1, 1, 1), Profile(4, 8, 8)))


def test_native_tensorrt_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    def imported(name: str) -> ModuleType:
        if name in missing:
            raise missing[name]
        return ModuleType(name)

    monkeypatch.setattr(engines, "import_module", imported)
    missing: dict[str, Exception] = {}
    assert getattr(find_library(), "__name__", None) == "tensorrt"
    missing["tensorrt"] = OSError("libnvinfer.so.11: cannot open shared object file")
    assert getattr(find_library(), "__name__", None) == "tensorrt_rtx"
    missing["tensorrt_rtx"] = ImportError("no module")
    assert find_library() is None


@pytest.mark.parametrize(
    ("name", "capability", "target"),
    [("tensorrt", (8, 6), None), ("tensorrt_rtx", (8, 6), (8, 6)), ("tensorrt_rtx", (9, 0), None)],
)
def test_a_plan_is_built_once_for_this_gpu(
    name: str,
    capability: tuple[int, int],
    target: tuple[int, int] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TensorRT for RTX names no sm90, so a plan for all GPUs is tried there."""
    built: list[Any] = []

    def build(*_: object, compute_capability: object, **__: object) -> bytes:
        built.append(compute_capability)
        return b"plan"

    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    monkeypatch.setattr(engines, "build_engine", build)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    module = library(Context())
    module.__name__ = name
    notes: list[str] = []
    for _ in range(2):
        assert plan_for(module, b"graph", notes.append).samples == SAMPLES
    assert built == [target]
    assert len(notes) == 1
    key: EngineKey = engine_key(module, b"graph", PROFILES, capability, "A GPU")
    assert (tmp_path / "engines" / key.file_name).is_file()
