"""Figures from answers, worked out by hand here."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from training.checkpoint import build_classifier
from training.evaluation import Predictions, class_reports, join, predict, save_predictions
from training.material import Material
from training.recipe import Recipe

CPU = torch.device("cpu")


def answers(predicted: list[int], labels: list[int], certainty: float = 10.0) -> Predictions:
    logits = np.full((len(labels), 3), 0.0, np.float32)
    logits[np.arange(len(labels)), predicted] = certainty
    return Predictions(logits, np.zeros((len(labels), 2), np.float32), np.asarray(labels), np.arange(len(labels)))


def test_accuracy_and_loss() -> None:
    assert answers([0, 1, 2, 2], [0, 1, 2, 1]).accuracy == 0.75
    assert answers([0], [0], certainty=0.0).loss == pytest.approx(np.log(3))
    assert answers([0], [1], certainty=50.0).loss == pytest.approx(50, abs=1e-3)


def test_confusion_counts_truth_by_answer() -> None:
    confusion = answers([0, 1, 1, 2], [0, 0, 1, 1]).confusion(3)
    assert confusion.tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]


def test_classes_are_reported_weakest_first() -> None:
    weakest, middle, best = class_reports(answers([0, 1, 1, 2, 2], [0, 0, 1, 1, 2]), ("dog", "rain", "cat"))
    assert (weakest.label, weakest.recall, weakest.precision, weakest.mistaken_for) == ("rain", 0.5, 0.5, "cat")
    assert (middle.label, middle.support, middle.mistaken_for) == ("dog", 2, "rain")
    assert (best.label, best.recall, best.precision, best.mistaken_for) == ("cat", 1.0, 0.5, "")


def test_a_class_that_never_occurs_is_no_division_by_zero() -> None:
    reports = class_reports(answers([0], [0]), ("dog", "rain", "cat"))
    assert [report.support for report in reports] == [0, 0, 1]


def test_joined_answers_keep_all() -> None:
    both = join([answers([0], [0]), answers([1, 2], [1, 1])])
    assert both.accuracy == pytest.approx(2 / 3)


def test_every_window_is_asked_in_order(tiny: Recipe, material: Material) -> None:
    model = build_classifier(tiny, 4).eval()
    result = predict(model, material.train, CPU)
    alone = torch.from_numpy(material.train.samples[material.train.windows[20:21]]) / 32768
    assert len(result.labels) == len(material.train)
    assert np.allclose(result.logits[20], model(alone).logits.detach(), atol=1e-4)


def test_with_turns_the_answer_is_the_mean_of_what_is_heard(tiny: Recipe, material: Material) -> None:
    torch.manual_seed(0)
    model = build_classifier(tiny, 4).eval()
    once, twice = (predict(model, material.held_out, CPU, turns) for turns in (1, 2))
    waves = torch.from_numpy(material.held_out.samples[material.held_out.windows]) / 32768
    with torch.inference_mode():
        turned = model(torch.cat([waves[:, 40000:], waves[:, :40000]], dim=1)).logits
    expected = (torch.from_numpy(once.logits).softmax(1) + turned.softmax(1)) / 2
    assert torch.from_numpy(twice.logits).softmax(1).allclose(expected, atol=1e-6)
    assert (twice.embedding == once.embedding).all()


def test_the_file_holds_each_answer(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    result = predict(build_classifier(tiny, 4).eval(), material.held_out, CPU)
    save_predictions(tmp_path / "p.parquet", result, material.dataset, material.folds)
    table = pq.read_table(tmp_path / "p.parquet")
    rows = table.to_pylist()
    assert {row["fold"] for row in rows} == {1}
    assert [row["filename"].split("-")[-1] for row in rows if row["category"] == "dog"] == ["0.ogg", "0.ogg"]
    assert np.allclose([row["logits"] for row in rows], result.logits)
    assert len(rows[0]["embedding"]) == 32
    assert {row["window"] for row in rows} == {0}
    assert table.schema.metadata[b"labels"].decode().split("\n") == list(material.dataset.labels)
    assert all(0.25 <= row["confidence"] <= 1 for row in rows)
