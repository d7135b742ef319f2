"""From a checkpoint to a bundle, as a program asks for it; what a person types is in test_commands."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH, WEIGHTS, Bundle
from export.exporter import Order, _find, export, make_graphs
from export.parity import LIMITS, Limits, ParityError
from export.session import Session
from export.testimony import statistics_of
from tests.export.conftest import NAMES, SPHERE, told_by, verdict_of, witness
from tests.training.conftest import TINY
from training.checkpoint import MODEL_FILE, load_model
from training.loop import Run
from training.material import Sounds
from training.recipe import Recipe

CPU = torch.device("cpu")
RECIPE = Recipe.model_validate(
    TINY.model_dump()
    | {
        "model": {"widths": [16], "blocks": [1]},  # the fewest layers are exported fastest
        "mixing": {"none": 1},
        "loop": {"epochs": 12, "batch_size": 8, "precision": "fp32"},
    }
)
KEPT = "layer1.block1.conv2"


def silent(_what: str) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def runs(sounds: Sounds, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has heard everything, and two of its cross-validation."""
    folder = tmp_path_factory.mktemp("runs")
    for name, held_out in (("all", frozenset[int]()), ("cv/fold1", frozenset({1})), ("cv/fold2", frozenset({2}))):
        Run(RECIPE, sounds.split(held_out), folder / name, CPU).train()
    return folder


@pytest.fixture(scope="module")
def order(runs: Path, esc10_mini: Path) -> Order:
    """For a model that is its own witness."""
    return Order(
        runs / "cv/fold1" / MODEL_FILE, None, esc10_mini, runs / "bundles" / "tiny", "tiny", "1.0.0", precision=0.95
    )


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What an export has told of itself."""
    return []


@pytest.fixture(scope="module")
def pruned(order: Order, sounds: Sounds, runs: Path, said: list[str]) -> Bundle:
    """Of the model that has heard everything, with all that can be asked for."""
    asked = replace(
        order, checkpoint=runs / "all" / MODEL_FILE, crossval=runs / "cv", out=runs / "bundles" / "pruned",
        prune=0.1, keep_float=(KEPT,), pcm16=True,
    )  # fmt: skip
    return export(asked, sounds, CPU, said.append)


def test_a_cross_validation_speaks_for_a_model_that_heard_everything(pruned: Bundle) -> None:
    manifest = pruned.manifest
    assert manifest.held_out_folds == ()
    assert list(manifest.metrics) == ["1", "2"]
    assert manifest.summary.missing_folds == (3, 4, 5)
    assert manifest.summary.accuracy == np.mean([fold.accuracy for fold in manifest.metrics.values()])
    assert manifest.calibration.folds == (1, 2)
    assert manifest.calibration.windows == 16
    assert set(manifest.novelty.flagged) == {"1", "2"}
    for parity in manifest.parity.values():
        assert (parity.folds, parity.windows, parity.own_windows) == ((1, 2), 16, 40)


def test_what_was_pruned_is_told_and_gone(pruned: Bundle) -> None:
    model, facts = load_model(pruned.path(WEIGHTS))
    assert facts.recipe.model.inner == ((8,),)
    assert pruned.manifest.model.pruned > 0.1
    assert sum(parameter.numel() for parameter in model.network.parameters()) == pruned.manifest.model.parameters
    assert facts.epochs == RECIPE.loop.epochs + 5


def test_a_pruned_model_is_timed_beside_what_it_was(pruned: Bundle) -> None:
    assert [row.engine for row in pruned.manifest.speed.rows] == [
        "PyTorch eager, torchaudio mel",
        "ONNX Runtime, model.onnx",
        "ONNX Runtime, model.int8.onnx",
        "ONNX Runtime, model.onnx before it was pruned",
    ]


def test_its_graphs_answer_as_its_weights_do(pruned: Bundle, sounds: Sounds) -> None:
    (waves,) = sounds.split(frozenset({1})).held_out.waves(8)
    model, _ = load_model(pruned.path(WEIGHTS))
    with torch.inference_mode():
        wanted = model(torch.from_numpy(waves)).logits.numpy()
    for name, tolerance in ((FLOAT_GRAPH, 1e-3), (HALF_GRAPH, 0.01), (INT8_GRAPH, 0.1)):
        logits, _ = Session(onnx.load_model(pruned.path(name)))(waves)
        np.testing.assert_allclose(logits, wanted, atol=tolerance, err_msg=name)


def test_a_layer_that_was_to_be_kept_is_still_float_in_int8(pruned: Bundle) -> None:
    graph = onnx.load_model(pruned.path(INT8_GRAPH)).graph
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert kinds[f"network.{KEPT}.weight"] == onnx.TensorProto.FLOAT
    assert kinds["network.layer1.block1.conv1.weight.quantized"] == onnx.TensorProto.INT8
    assert "network.layer1.block1.conv1.weight" not in kinds


def test_each_graph_has_a_twin_for_16_bit_samples(pruned: Bundle) -> None:
    pcm = np.random.default_rng(0).integers(-9000, 9000, (2, RECIPE.audio.window_samples), dtype=np.int16)
    for name in NAMES:
        twin = name.replace(".onnx", ".pcm16.onnx")
        wanted, found = (Session(onnx.load_model(pruned.path(file)), threads=1) for file in (name, twin))
        np.testing.assert_array_equal(found(pcm)[0], wanted((pcm / 2**15).astype(np.float32))[0])


def test_who_waits_is_told_what_is_done_for_whom(pruned: Bundle, said: list[str]) -> None:
    assert said[0] == "the model itself: looking for 10% that matter least"
    for name in ("the model itself", "fold 1", "fold 2"):
        tuning = [sentence for sentence in said if sentence.startswith(f"{name}: tuning what remains, ")]
        assert len(tuning) == 10
    assert said[-1] == f"writing {pruned.folder}"


def test_a_graph_that_is_not_equal_is_shown_and_nothing_is_written(
    order: Order, sounds: Sounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, FLOAT_GRAPH, Limits(max_delta=0.0))
    with pytest.raises(
        ParityError, match=r"^model\.onnx, on held-out sounds: logits differ .* Nothing was written$"
    ) as caught:
        export(order, sounds, CPU, silent)
    assert set(caught.value.measured) == set(NAMES)
    assert caught.value.measured[FLOAT_GRAPH].max_delta > 0
    assert caught.value.measured[FLOAT_GRAPH].folds == (1,)
    assert not order.out.exists()


def test_the_reference_is_of_the_model_that_is_shipped_whoever_speaks_for_it(sounds: Sounds) -> None:
    """Another model of the same recipe and the same fold has another space."""
    own = witness(sounds, 1)
    made = make_graphs(own, (), silent)
    by_other = _find(own, made, verdict_of(told_by(witness(sounds, 1))), 0.95, silent).reference
    learned = statistics_of(own, made.graphs, silent)
    np.testing.assert_array_equal(by_other.statistics.means, learned.means)
    by_itself = _find(own, made, verdict_of(told_by(own)), 0.95, silent).reference
    assert by_itself.statistics is SPHERE  # what it has said already is not asked again
