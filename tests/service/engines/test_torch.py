"""The PyTorch engine as far as it goes without a GPU: the half precision module on the CPU."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from contract.bundle import WEIGHTS
from contract.errors import UnavailableError
from service.engines.base import EngineError, EngineFacts, Outputs, Samples
from service.engines.torch import TorchEngine
from tests.service.engines.conftest import ESC10, WINDOW

ROOT = Path(__file__).parents[3]
MOST = 3
SHA256 = "0" * 64


@pytest.fixture(scope="module")
def engine() -> Iterator[TorchEngine]:
    engine = TorchEngine(ESC10 / WEIGHTS, SHA256, MOST, "cpu")
    engine.load()
    engine.warm_up()
    yield engine
    engine.close()


def test_answers_to_real_clips_are_those_of_the_float32_graph(
    engine: TorchEngine, clips: tuple[Samples, Outputs]
) -> None:
    waves, wanted = clips
    assert wanted.embedding is not None
    for start in range(0, len(waves), MOST):
        part = waves[start : start + MOST]
        engine.staging[: len(part)] = part
        found = engine.infer(len(part))
        assert found.logits.dtype == np.float32
        rows = slice(start, start + len(part))
        assert 0 < np.abs(found.logits - wanted.logits[rows]).max() < 0.05
        assert (found.logits.argmax(1) == wanted.logits[rows].argmax(1)).all()
        assert found.embedding is not None
        np.testing.assert_allclose(found.embedding, wanted.embedding[rows], atol=0.05)


@pytest.mark.parametrize("count", range(1, MOST + 1))
def test_rows_behind_those_that_count_change_nothing(
    engine: TorchEngine, clips: tuple[Samples, Outputs], count: int
) -> None:
    engine.staging[:] = np.nan
    engine.staging[:count] = clips[0][:count]
    outputs = engine.infer(count)
    assert outputs.logits.shape == (count, 10)
    assert np.abs(outputs.logits - clips[1].logits[:count]).max() < 0.05


def test_answers_are_the_callers_and_staging_stays(engine: TorchEngine, clips: tuple[Samples, Outputs]) -> None:
    staging = engine.staging
    assert staging.shape == (MOST, WINDOW)
    staging[0] = clips[0][0]
    first = engine.infer(1).logits
    kept = first.copy()
    staging[0] = clips[0][1]
    assert (engine.infer(1).logits != kept).any()
    np.testing.assert_array_equal(first, kept)
    assert engine.staging is staging


def test_it_says_what_it_is(engine: TorchEngine) -> None:
    assert engine.describe() == EngineFacts("torch", torch.__version__, "float16", "cpu", WEIGHTS, SHA256)


def test_closed_twice_and_loaded_again_it_answers() -> None:
    engine = TorchEngine(ESC10 / WEIGHTS, SHA256, 1, "cpu")
    engine.close()
    for _ in range(2):
        engine.load()
        assert engine.infer(1).logits.shape == (1, 10)
        engine.close()
        engine.close()
        assert len(engine.staging) == 0


def test_weights_that_cannot_be_loaded_are_an_error_of_the_engine(tmp_path: Path) -> None:
    engine = TorchEngine(tmp_path / WEIGHTS, SHA256, 1, "cpu")
    with pytest.raises(EngineError, match="no such checkpoint"):
        engine.load()
    assert len(engine.staging) == 0


def test_without_a_gpu_it_is_not_to_be_had() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(UnavailableError, match="sees no GPU"):
        TorchEngine(ESC10 / WEIGHTS, SHA256, 1).load()


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UnavailableError, match=r"needs torch, not installed here: pip install -e '.\[train\]'"):
        TorchEngine(ESC10 / WEIGHTS, SHA256, 1, "cpu").load()


def test_nothing_is_imported_before_an_engine_is_loaded() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from service.engines.torch import TorchEngine; import service.engines.tensorrt\n"
        "TorchEngine(Path('weights'), '', 8).close()\n"
        "print([m for m in ('torch', 'training', 'tensorrt', 'tensorrt_rtx', 'cuda') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"
