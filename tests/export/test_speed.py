"""What the graphs are held against is the same model, timed fairly."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from export.speed import BASELINE, TorchaudioClassifier, measure_speed
from tests.export.conftest import SAMPLES, linear_graph, untrained
from tests.training.conftest import TINY
from training.material import Sounds
from training.recipe import Recipe


def recipe_with(**front_end: object) -> Recipe:
    described = TINY.model_dump()
    return Recipe.model_validate(described | {"front_end": described["front_end"] | front_end})


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("front_end", [{"kind": "logmel"}, {"kind": "mfcc", "n_mfcc": 20}])
def test_the_baseline_is_the_same_model_with_torchaudios_spectrogram(
    sounds: Sounds, front_end: dict[str, object]
) -> None:
    model = untrained(recipe_with(**front_end))
    waves = torch.from_numpy(np.concatenate(list(sounds.split(frozenset({1})).held_out.waves(8))))
    model.frontend.fit_normalisation([waves])
    baseline = TorchaudioClassifier(model).eval()
    with torch.inference_mode():
        wanted, found = model(waves), baseline(waves)
    assert wanted.logits.std() > 1e-3
    torch.testing.assert_close(found.logits, wanted.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.embedding, wanted.embedding, atol=1e-4, rtol=1e-4)


@pytest.mark.usefixtures("two_threads")
def test_latencies_are_of_one_thread_and_told_against_pytorch() -> None:
    speed = measure_speed(untrained(), {"model.onnx": linear_graph(), "other.onnx": linear_graph()}, SAMPLES)
    assert speed.machine.endswith(", 1 thread")
    assert torch.get_num_threads() == 2
    assert [row.engine for row in speed.rows] == [
        BASELINE, "ONNX Runtime, model.onnx", "ONNX Runtime, other.onnx",
    ]  # fmt: skip
    baseline, *graphs = speed.rows
    assert (baseline.speedup, baseline.loading) == (1, None)
    for row in graphs:
        assert row.speedup == pytest.approx(baseline.milliseconds / row.milliseconds)
        assert row.speedup > 1  # a single product
        assert row.loading is not None
        assert row.loading > 0


@pytest.mark.usefixtures("two_threads")
def test_threads_are_given_back_where_a_graph_does_not_load() -> None:
    with pytest.raises(InvalidArgument, match="waveform"):
        measure_speed(untrained(), {"model.onnx": linear_graph(samples=3)}, SAMPLES)
    assert torch.get_num_threads() == 2
