"""The bundles that come with Earshot: whole, small, equal to the model in them, and honest on their cards."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from contract.audio import decode, fit
from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH, WEIGHTS, Bundle, find_bundle, open_bundle
from contract.reference import load_reference
from export.parity import compare
from export.session import Session
from export.verify import try_graphs
from training.checkpoint import load_facts, load_model
from training.data.dataset import load_dataset
from training.material import load_sounds

SHIPPED = ("esc50-resnet", "esc10-resnet")
LARGEST = 25_000_000


@pytest.fixture(scope="module", params=SHIPPED)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return open_bundle(find_bundle(request.param))


@pytest.fixture(scope="module")
def clips(bundle: Bundle, esc10_mini: Path) -> tuple[np.ndarray, np.ndarray]:
    """Real sounds as the bundle wants to hear them, and what they are."""
    audio, dataset = bundle.manifest.audio, load_dataset(esc10_mini)
    waves = [fit(decode(clip.path, audio.sample_rate), audio.window_samples) for clip in dataset.clips]
    labels = [bundle.manifest.labels.index(dataset.labels[clip.label]) for clip in dataset.clips]
    return np.stack(waves), np.asarray(labels)


def test_it_is_whole_small_and_runs(bundle: Bundle) -> None:
    assert sum(file.bytes for file in bundle.manifest.files.values()) <= LARGEST
    assert set(try_graphs(bundle)) == {FLOAT_GRAPH, INT8_GRAPH, HALF_GRAPH}


def test_its_figures_rest_on_every_fold(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert list(manifest.metrics) == ["1", "2", "3", "4", "5"]
    assert manifest.held_out_folds == ()
    assert {found.folds for found in manifest.parity.values()} == {(1, 2, 3, 4, 5)}
    for name, found in manifest.parity.items():
        assert found.accuracy >= found.accuracy_float - 0.005, name
    assert manifest.parity[FLOAT_GRAPH].agreement == 1
    assert manifest.parity[HALF_GRAPH].agreement >= 0.995
    card = bundle.path("card.md").read_text(encoding="utf-8")
    assert f"**{100 * manifest.summary.accuracy:.2f} %** ± {100 * manifest.summary.deviation:.2f}" in card
    assert manifest.summary.ece_calibrated < manifest.summary.ece


def test_it_is_as_fast_as_was_promised_where_it_was_exported(bundle: Bundle) -> None:
    rows = {row.engine: row for row in bundle.manifest.speed.rows}
    assert rows["ONNX Runtime, model.onnx"].speedup >= 1.8
    assert rows["ONNX Runtime, model.int8.onnx"].speedup >= 3
    assert all((row.loading or 0) <= 150 for row in rows.values())


def test_its_graphs_answer_as_its_weights_do(bundle: Bundle, clips: tuple[np.ndarray, np.ndarray]) -> None:
    waves, labels = clips
    model, facts = load_model(bundle.path(WEIGHTS))
    assert facts.labels == bundle.manifest.labels
    with torch.inference_mode():
        wanted = model(torch.from_numpy(waves)).logits.numpy()
    limits = {FLOAT_GRAPH: (1e-3, 1.0), HALF_GRAPH: (0.05, 0.97), INT8_GRAPH: (2.0, 0.95)}
    for name, (delta, agreement) in limits.items():
        logits, embedding = Session(onnx.load_model(bundle.path(name)))(waves)
        found = compare(wanted, logits, labels)
        assert found.max_delta <= delta, name
        assert found.agreement >= agreement, name
    distances = load_reference(bundle.path("reference.npz")).distance(embedding)
    assert np.median(distances) < bundle.manifest.novelty.threshold


def test_licenses() -> None:
    by_name = {name: open_bundle(find_bundle(name)) for name in SHIPPED}
    assert by_name["esc50-resnet"].manifest.license.commercial_use is False
    free = by_name["esc10-resnet"]
    assert free.manifest.license.commercial_use is True
    assert len(free.path("ATTRIBUTION.md").read_text(encoding="utf-8").splitlines()) > 400


@pytest.mark.dataset
def test_the_attribution_names_every_clip(esc50: Path) -> None:
    bundle = open_bundle(find_bundle("esc10-resnet"))
    facts = load_facts(bundle.path(WEIGHTS))
    cache = os.environ.get("EARSHOT_CACHE")
    sounds = load_sounds(esc50, facts.recipe, facts.labels, Path(cache) if cache else None)
    attribution = bundle.path("ATTRIBUTION.md").read_text(encoding="utf-8")
    assert all(clip.path.stem in attribution for clip in sounds.dataset.clips)
