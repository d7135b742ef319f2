"""Every form of a model answers as the model does, as a whole and by its parts."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from contract.bundle import WEIGHTS, find_bundle
from contract.errors import UnavailableError
from export.part import FRONT_END, NETWORK, WHOLE, Part
from export.parts import TorchParts, plan_parts, torch_parts
from training.checkpoint import load_model

SHIPPED = find_bundle("esc10-resnet") / WEIGHTS
CLIPS = 3


@pytest.fixture(scope="module")
def waves() -> Tensor:
    return 0.3 * torch.randn(CLIPS, 160_000, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def wanted(waves: Tensor) -> Tensor:
    model, _ = load_model(SHIPPED)
    with torch.inference_mode():
        logits: Tensor = model(waves).logits
    return logits


def asked(parts: TorchParts, part: Part, given: Tensor) -> Tensor:
    session = parts.session(part, len(given))
    session.waves[:] = given
    return session.run()[0].clone()


@pytest.fixture(autouse=True)
def _without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be compiled, as it is: compiling takes a minute."""
    monkeypatch.setattr(torch, "compile", lambda module, dynamic: module)
    monkeypatch.setenv("CXX", "true")


@pytest.mark.parametrize(("form", "off"), [("torchaudio", 1e-3), ("eager", 1e-5), ("half", 0.05), ("compiled", 1e-3)])
def test_each_form_answers_as_the_model_does(form: str, off: float, waves: Tensor, wanted: Tensor) -> None:
    parts = torch_parts(form, SHIPPED, gpu=False)
    assert wanted.std() > 0.5
    torch.testing.assert_close(asked(parts, WHOLE, waves), wanted, atol=off, rtol=0)
    if form == "compiled":
        assert parts.parts == (WHOLE,)
        return
    assert parts.parts == (WHOLE, FRONT_END, NETWORK)
    picture = asked(parts, FRONT_END, waves)
    assert picture.shape == (CLIPS, 1, 128, 249)
    torch.testing.assert_close(asked(parts, NETWORK, picture), wanted, atol=off, rtol=0)


def test_without_a_compiler_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        UnavailableError, match=r"torch.compile needs a C\+\+ compiler, and there is no no-such-compiler"
    ):
        torch_parts("compiled", SHIPPED, gpu=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_put_on_one() -> None:
    with pytest.raises(UnavailableError, match="sees no NVIDIA GPU"):
        torch_parts("captured", SHIPPED, gpu=True)


def test_a_library_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="tensorrt_of_tomorrow is not installed"):
        plan_parts("tensorrt_of_tomorrow", tmp_path / "model.fp16.onnx", 8)
