"""What the tests of this room share: real sounds, a model that has learned nothing, a graph of one product."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INPUT, INT8_GRAPH, OUTPUTS
from contract.manifest import Speed
from contract.reference import EmbeddingStatistics
from export.evidence import Witness
from export.findings import Findings, calibrate, reference_of
from export.parity import Comparison
from export.testimony import Testimony, Verdict
from tests.training.conftest import TINY
from training.checkpoint import ModelFacts, build_classifier
from training.evaluation import Predictions
from training.material import Material, Sounds, load_sounds
from training.model import Classifier
from training.recipe import Recipe

SAMPLES = TINY.audio.window_samples
CLASSES = 4
WIDTH = TINY.model.widths[-1]
NAMES = (FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH)
SPHERE = EmbeddingStatistics(np.eye(WIDTH, dtype=np.float32), np.eye(WIDTH, dtype=np.float32)[:CLASSES])


@pytest.fixture(scope="session")
def sounds(esc10_mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Sounds:
    return load_sounds(esc10_mini, TINY, cache_folder=tmp_path_factory.mktemp("cache"))


def untrained(recipe: Recipe = TINY, classes: int = CLASSES) -> Classifier:
    """Weights as they are drawn, the same each time."""
    torch.manual_seed(0)
    return build_classifier(recipe, classes).eval()


def facts_of(material: Material, recipe: Recipe = TINY, metrics: Mapping[str, float] | None = None) -> ModelFacts:
    """What a model says that has learned from this material."""
    return ModelFacts(
        recipe=recipe,
        labels=material.dataset.labels,
        dataset=material.dataset.name,
        held_out_folds=material.held_out_folds,
        validation_folds=material.validation_folds,
        split=material.fingerprint(),
        epochs=4,
        commit="abc",
        metrics=dict(metrics or {}),
    )


def witness(sounds: Sounds, *folds: int, metrics: Mapping[str, float] | None = None) -> Witness:
    """An untrained model that says it has not heard these folds."""
    material = sounds.split(frozenset(folds))
    return Witness(untrained(), facts_of(material, metrics=metrics), material)


def right_answers(of: Witness) -> Predictions:
    """Every held-out window named right, its embedding on the axis of its class."""
    windows = of.material.held_out
    logits = 5 * np.eye(CLASSES, dtype=np.float32)[windows.labels]
    return Predictions(logits, np.eye(WIDTH, dtype=np.float32)[windows.labels], windows.labels, windows.clips)


def told_by(of: Witness) -> Testimony:
    """A model and graphs that know everything."""
    answers = right_answers(of)
    return Testimony(of, answers, dict.fromkeys(NAMES, answers), SPHERE)


def verdict_of(*testimonies: Testimony) -> Verdict:
    """Graphs that are equal to their models."""
    equal = Comparison(200, 0.0, 0.0, 1.0, 0.9, 0.9)
    return Verdict(testimonies, dict.fromkeys(NAMES, equal), dict.fromkeys(NAMES, equal))


def findings_of(own: Witness, *testimonies: Testimony) -> Findings:
    """What an export would have found; `own` is asked about itself, where nobody else is."""
    verdict = verdict_of(*(testimonies or (told_by(own),)))
    calibrated = calibrate(verdict, 0.95)
    reference = reference_of(own, SPHERE, verdict, calibrated)
    return Findings(own, verdict, calibrated, reference, (), (), Speed(machine="one", rounds=1, rows=()))


def linear_graph(samples: int = SAMPLES, classes: int = CLASSES, width: int = WIDTH) -> onnx.ModelProto:
    """Takes and gives what every graph of a bundle does; between them stands one product."""
    random = np.random.default_rng(0)
    sizes = dict(zip(OUTPUTS, (classes, width), strict=True))
    weights = [
        numpy_helper.from_array(random.standard_normal((samples, size)).astype(np.float32), f"{name}.weight")
        for name, size in sizes.items()
    ]
    nodes = [helper.make_node("MatMul", [INPUT, f"{name}.weight"], [name]) for name in sizes]
    takes = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", samples])
    gives = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name, size in sizes.items()]
    graph = helper.make_graph(nodes, "linear", [takes], gives, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
