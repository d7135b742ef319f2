"""The committed cross-validations: their answers give the stated figures, and so does the model of fold 5."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from contract.bundle import find_bundle, open_bundle
from training.checkpoint import load_facts, load_model
from training.evaluation import predict
from training.material import load_sounds
from training.recipe import load_recipe

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "crossval"
LARGEST_MODEL = 6_000_000


@pytest.fixture(scope="module", params=["esc50-resnet", "esc10-resnet"])
def folder(request: pytest.FixtureRequest) -> Path:
    return RESULTS / str(request.param)


def report(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return content


def test_the_answers_give_the_stated_figures(folder: Path) -> None:
    told, table = report(folder), pq.read_table(folder / "predictions.parquet")
    assert len(set(table["filename"].to_pylist())) == table.num_rows == 40 * len(told["classes"])
    labels, folds = (table[name].to_numpy() for name in ("label", "fold"))
    right = np.stack(table["logits"].to_numpy()).argmax(1) == labels
    accuracy = {fold: right[folds == int(fold)].mean() for fold in told["accuracy"]}
    assert accuracy == pytest.approx(told["accuracy"])
    assert np.mean(list(accuracy.values())) == pytest.approx(told["mean"])
    assert np.std(list(accuracy.values()), ddof=1) == pytest.approx(told["deviation"])


def test_they_are_those_of_the_shipped_recipe_and_bundle(folder: Path) -> None:
    told = report(folder)
    recipe = load_recipe(folder.name)
    assert told["recipe"] == recipe.model_dump(mode="json")
    manifest = open_bundle(find_bundle(folder.name)).manifest
    assert manifest.recipe == told["recipe"]
    windows = {fold: measured.windows for fold, measured in manifest.metrics.items()}
    assert windows == dict.fromkeys("12345", 8 * len(told["classes"]))
    # weights are rounded to float16 for the bundle: single answers may change
    assert manifest.summary.accuracy == pytest.approx(told["mean"], abs=0.005)


def test_the_model_of_fold_5_is_small_and_has_not_heard_it() -> None:
    path = RESULTS / "esc50-resnet" / "fold5.safetensors"
    assert path.stat().st_size <= LARGEST_MODEL
    facts = load_facts(path)
    assert facts.held_out_folds == (5,)
    assert facts.recipe == load_recipe("esc50-resnet")


@pytest.mark.dataset
def test_the_model_of_fold_5_answers_as_is_stated(esc50: Path) -> None:
    folder = RESULTS / "esc50-resnet"
    model, facts = load_model(folder / "fold5.safetensors")
    held_out = load_sounds(esc50, facts.recipe).split(frozenset({5})).held_out
    assert predict(model, held_out, torch.device("cpu")).accuracy == pytest.approx(
        report(folder)["accuracy"]["5"], abs=1 / 400
    )
