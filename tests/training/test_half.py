"""The model in half precision: folded, rounded, and as near to itself as float16 allows."""

import io

import pytest
import torch
from torch import nn

from tests.training.conftest import TINY
from training.checkpoint import build_classifier
from training.half import HalfClassifier, fold_batch_norms, half_on
from training.model import Classifier


@pytest.fixture(scope="module")
def waves() -> torch.Tensor:
    return torch.randn(4, TINY.audio.window_samples, generator=torch.Generator().manual_seed(1)) * 0.1


@pytest.fixture(scope="module")
def model(waves: torch.Tensor) -> Classifier:
    """Untrained, but with batch norms that have seen sounds: answers that differ."""
    torch.manual_seed(0)
    model = build_classifier(TINY, classes=4)
    model.frontend.fit_normalisation([waves])
    with torch.no_grad():
        for _ in range(20):
            model.train()(waves)
    return model.eval()


def test_folding_leaves_no_batch_norm_and_the_given_network_as_it_was(model: Classifier) -> None:
    before = io.BytesIO()
    torch.save(model.state_dict(), before)
    picture = torch.randn(2, 1, 40, 50)
    folded = fold_batch_norms(model.network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    with torch.inference_mode():
        torch.testing.assert_close(folded(picture), model.network(picture), atol=1e-4, rtol=1e-4)
    after = io.BytesIO()
    torch.save(model.state_dict(), after)
    assert before.getvalue() == after.getvalue()


def test_the_network_is_half_and_the_front_end_is_not(model: Classifier) -> None:
    half = HalfClassifier(model)
    assert {parameter.dtype for parameter in half.network.parameters()} == {torch.float16}
    assert {buffer.dtype for buffer in half.frontend.buffers()} == {torch.float32}


def test_the_copy_on_a_device_answers_as_the_model_but_for_rounding(model: Classifier, waves: torch.Tensor) -> None:
    half = half_on(model, torch.device("cpu"))
    convolutions = [module for module in half.modules() if isinstance(module, nn.Conv2d)]
    assert any(c.weight.is_contiguous(memory_format=torch.channels_last) for c in convolutions if c.in_channels > 1)
    with torch.inference_mode():
        wanted, found = model(waves), half(waves)
    assert found.logits.dtype == found.embedding.dtype == torch.float32
    assert 0 < (found.logits - wanted.logits).abs().max() < 0.05
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
