"""A plan on buffers of PyTorch, against a library that only writes down what it is told."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from contract import tensorrt_kept
from contract.errors import UnavailableError
from contract.tensorrt_kept import PROFILES
from contract.tensorrt_plan import Plan, PlanError
from export.gpu.plans import compute_by, plan_for
from tests.contract.fake_tensorrt import CLASSES, INPUT, SAMPLES, STREAM, WIDTH, Library

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream without a GPU."""
    found = SimpleNamespace(cuda_stream=STREAM, synchronize=lambda: None)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _device=None: found)


def test_inputs_and_outputs_stay_where_they_are() -> None:
    library = Library()
    compute = compute_by(Plan(library.module(), b"plan", PROFILES), 8, CPU)
    waves = torch.zeros(8, SAMPLES)
    logits, embedding = compute(waves)
    assert (logits.shape, embedding.shape) == ((8, CLASSES), (8, WIDTH))
    (context,) = library.contexts
    assert context.calls[2:] == [
        ("set_tensor_address", ("logits", logits.data_ptr())),
        ("set_tensor_address", ("embedding", embedding.data_ptr())),
        ("set_tensor_address", (INPUT, waves.data_ptr())),
        ("execute_async_v3", (STREAM,)),
    ]
    assert compute(waves)[0].data_ptr() == logits.data_ptr()  # a CUDA graph wants them where they are


@pytest.mark.parametrize(("name", "made_for"), [("tensorrt", True), ("tensorrt_rtx", False)])
def test_the_plan_is_made_for_the_gpu_that_is_there(
    name: str, made_for: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What TensorRT for RTX does not run on a GPU that it is not made for is excused."""
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    monkeypatch.setattr(tensorrt_kept, "build_engine", lambda *_, **__: b"plan")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    library = Library(name, refuses={"execute_async_v3"})
    compute = compute_by(plan_for(library.module(), b"graph", lambda _: None), 1, CPU)
    assert library.loaded == [b"plan"]
    assert len(list((tmp_path / "engines").glob("*-sm90-*.engine"))) == 1
    sentence = "does not run its plan" if made_for else "TensorRT for RTX does not support sm90"
    with pytest.raises(PlanError if made_for else UnavailableError, match=sentence):
        compute(torch.zeros(1, SAMPLES))
