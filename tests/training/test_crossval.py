"""Cross-validation: each clip is answered by the model that has not heard it; finished folds are kept."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from tests.training.conftest import changed, unwatched
from training import crossval_report
from training.checkpoint import MODEL_FILE, CheckpointError, load_model
from training.crossval import cross_validate
from training.crossval_report import PAGE_FILE, REPORT_FILE, write_report
from training.data.dataset import DatasetError
from training.loop import PREDICTIONS_FILE, Interrupted
from training.material import Sounds
from training.observers import Observer
from training.recipe import Recipe
from training.tensorboard import TensorBoardObserver, held_out_curve

CPU = torch.device("cpu")


def one_epoch(recipe: Recipe, seed: int = 0) -> Recipe:
    return changed(recipe, loop={"epochs": 1, "seed": seed})


def watched(_fold: int, folder: Path) -> tuple[Observer, ...]:
    return (TensorBoardObserver(folder),)


def test_every_clip_is_answered_once_by_a_model_that_has_not_heard_it(
    tiny: Recipe, sounds: Sounds, tmp_path: Path
) -> None:
    result = cross_validate(one_epoch(tiny), sounds, None, tmp_path, CPU, unwatched)
    rows = pq.read_table(tmp_path / PREDICTIONS_FILE).to_pylist()
    assert sorted(row["filename"] for row in rows) == sorted(clip.path.name for clip in sounds.dataset.clips)
    for fold in (1, 2, 3, 4, 5):
        assert load_model(tmp_path / f"fold{fold}" / MODEL_FILE)[1].held_out_folds == (fold,)
        assert all(row["filename"].startswith(str(fold)) for row in rows if row["fold"] == fold)
    assert result.mean == pytest.approx(sum(result.accuracy.values()) / 5)
    assert result.predictions.accuracy == pytest.approx(result.mean)  # folds are of equal size here


def test_the_report_says_where_its_figures_come_from(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    result = cross_validate(one_epoch(tiny), sounds, [1, 2], tmp_path, CPU, watched)
    write_report(result, tmp_path)
    report = json.loads((tmp_path / REPORT_FILE).read_text())
    assert report["mean"] == result.mean
    assert report["deviation"] == result.deviation
    curve = held_out_curve(tmp_path / "fold2")
    assert curve
    assert curve.steps[-1] == 4
    assert curve.accuracy[-1] == pytest.approx(result.accuracy[2])
    assert curve.loss[-1] == pytest.approx(result.folds[1].predictions.loss)
    assert {"commits", "machine", "minutes", "seed", "recipe", "dataset"} <= report.keys()
    assert {entry["label"] for entry in report["classes"]} == set(sounds.dataset.labels)


def test_the_page_shows_every_fold_and_class(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    result = cross_validate(one_epoch(tiny), sounds, [1, 2], tmp_path, CPU, watched)
    write_report(result, tmp_path)
    page = (tmp_path / PAGE_FILE).read_text()
    for fold, accuracy in result.accuracy.items():
        assert f"| {fold} | 8 | {100 * accuracy:.2f} % |" in page
    assert f"**{100 * result.mean:.2f} ± {100 * result.deviation:.2f} %**" in page
    assert all(label.replace("_", " ") in page for label in sounds.dataset.labels)
    for name in re.findall(r"\]\(([a-z]+\.png)\)", page):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert page.count(".png") == 2


def test_without_a_log_there_are_no_curves(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    write_report(cross_validate(one_epoch(tiny), sounds, [1], tmp_path, CPU, unwatched), tmp_path)
    assert "curves.png" not in (tmp_path / PAGE_FILE).read_text()
    assert not (tmp_path / "curves.png").exists()


def test_a_crowd_of_classes_is_not_drawn(
    tiny: Recipe, sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossval_report, "MOST_CLASSES", 3)
    write_report(cross_validate(one_epoch(tiny), sounds, [1], tmp_path, CPU, unwatched), tmp_path)
    assert ".png" not in (tmp_path / PAGE_FILE).read_text()
    assert not list(tmp_path.glob("*.png"))


def test_stopped_and_started_again_it_goes_on(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    recipe = one_epoch(tiny)
    whole = cross_validate(recipe, sounds, [1, 2], tmp_path / "whole", CPU, unwatched)
    steps = iter(range(100))
    with pytest.raises(Interrupted):
        cross_validate(recipe, sounds, [1, 2], tmp_path / "cut", CPU, unwatched, stop=lambda: next(steps) == 5)
    first = (tmp_path / "cut" / "fold1" / MODEL_FILE).stat().st_mtime_ns
    again = cross_validate(recipe, sounds, [1, 2], tmp_path / "cut", CPU, unwatched)
    assert again.accuracy == whole.accuracy
    assert (again.predictions.logits == whole.predictions.logits).all()
    assert (tmp_path / "cut" / "fold1" / MODEL_FILE).stat().st_mtime_ns == first


def test_folds_of_another_recipe_are_not_mixed_in(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    cross_validate(one_epoch(tiny), sounds, [1], tmp_path, CPU, unwatched)
    with pytest.raises(CheckpointError, match="trained with another recipe"):
        cross_validate(one_epoch(tiny, seed=1), sounds, [1], tmp_path, CPU, unwatched)


def test_folds_of_other_clips_are_not_mixed_in(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    cross_validate(one_epoch(tiny), sounds, [1], tmp_path, CPU, unwatched)
    dataset = sounds.dataset
    fewer = Sounds(replace(dataset, clips=(replace(dataset.clips[0], fold=2), *dataset.clips[1:])), sounds.cache)
    with pytest.raises(CheckpointError, match="other clips or another split"):
        cross_validate(one_epoch(tiny), fewer, [1], tmp_path, CPU, unwatched)


def test_an_unknown_fold_is_refused_before_anything_is_trained(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no fold 9; it has \[1, 2, 3, 4, 5\]"):
        cross_validate(one_epoch(tiny), sounds, [1, 9], tmp_path, CPU, unwatched)
    assert list(tmp_path.iterdir()) == []
