"""The card says what was measured, and nothing that was not."""

from typing import Any

import pytest

from contract.manifest import Manifest
from export.card import model_card
from tests.contract.manifests import smallest_manifest
from training.evaluation import ClassReport

CLASSES = (
    ClassReport("rain", 4, 0.5, 0.25, 0.33, "dog"),
    ClassReport("dog", 4, 0.75, 1.0, 0.86, ""),
)
FIVE = [1, 2, 3, 4, 5]
FOLD = smallest_manifest()["metrics"]["1"]
SEVERAL: dict[str, Any] = {
    "held_out_folds": [],
    "metrics": {str(fold): FOLD | {"accuracy": 0.7 + fold / 100} for fold in FIVE},
    "summary": {"accuracy": 0.73, "deviation": 0.0158},
    "calibration": {"folds": FIVE, "windows": 40},
    "novelty": {"flagged": {str(fold): fold / 100 for fold in FIVE}},
}
PARITY = {
    "folds": FIVE, "windows": 40, "max_delta": 0.25, "p999_delta": 0.2, "agreement": 0.975, "accuracy": 0.7,
    "accuracy_float": 0.725, "called_new": 0.05, "hostile_max_delta": 0.5, "own_windows": 200, "own_max_delta": 0.125,
    "own_agreement": 0.995,
}  # fmt: skip


def card(sources: str = "", **changes: object) -> str:
    """Of the smallest manifest, with these fields of its parts changed."""
    content = smallest_manifest()
    for part, change in changes.items():
        merges = isinstance(change, dict) and part not in {"metrics", "parity"}
        content[part] = content[part] | change if merges else change
    return model_card(Manifest.model_validate(content), CLASSES, sources)


def test_a_single_fold_has_no_deviation_and_is_calibrated_by_its_parts() -> None:
    said = card()
    assert "Mean: **75.00 %**, seed 0, last epoch." in said
    assert "±" not in said.split("## Accuracy")[1].split("## Limits")[0]
    assert "by a model of this recipe that has not heard it. Mean" in said
    assert "a temperature that was fitted to other parts of the fold)" in said
    assert "| trained on | 32 windows of esc10-mini with these classes, without fold 1; source abc |" in said
    assert "fold by fold" not in said


@pytest.mark.parametrize(("teachers", "said"), [(1, "an earlier model"), (5, "5 earlier models")])
def test_teachers_are_named(teachers: int, said: str) -> None:
    content = smallest_manifest() | {"teachers": teachers}
    told = model_card(Manifest.model_validate(content), CLASSES, "")
    assert f"with these classes, without fold 1, and what {said} said of them; source abc |" in told


def test_several_folds_have_a_deviation_and_are_calibrated_by_each_other() -> None:
    said = card(**SEVERAL)
    assert "Mean: **73.00 %** ± 1.58 (standard deviation between folds)" in said
    assert "has not heard it; these weights have heard all of them. Mean" in said
    assert "a temperature that was fitted to the other folds)" in said
    assert "| trained on | 32 windows of esc10-mini with these classes, all folds; source abc |" in said
    assert "lie below; beyond it, fold by fold: 1.0, 2.0, 3.0, 4.0, 5.0 %." in said
    assert "Chosen and measured on 40 windows of fold 1, 2, 3, 4, 5." in said
    for fold in FIVE:
        assert f"| {fold} | 8 | {70 + fold}.00 % | 0.700 |" in said


def test_pruning_is_told_with_how_each_fold_was_judged() -> None:
    assert "prune" not in card(**SEVERAL)
    said = card(model={"pruned": 0.304}, **SEVERAL)
    assert "0.000 GMAC; 30% of the arithmetic pruned away |" in said
    assert "Each was pruned and tuned in the same way; how wide their blocks are may differ. Mean" in said


def test_folds_that_nobody_judged_are_named() -> None:
    assert "Not judged" not in card()
    said = card(summary={"missing_folds": [3, 5]})
    assert "**Not judged: fold 3, 5**, for want of a model that has not heard it." in said


def test_a_precision_out_of_reach_is_called_so() -> None:
    assert "95.00 % are right (wanted: 95.00 %), and 80.00 % of the sounds are answered" in card()
    said = card(calibration={"precision": 0.9})
    assert "90.00 % are right (wanted: 95.00 %, the best that could be reached), and" in said


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"name": "CC BY 3.0", "commercial_use": True}, "The weights: CC BY 3.0; commercial use with attribution."),
        ({"name": "CC BY-NC 3.0", "commercial_use": False}, "The weights: CC BY-NC 3.0; non-commercial use only."),
        ({"name": "not stated", "commercial_use": None}, "The weights: not stated; ask whoever made it."),
    ],
)
def test_the_licence_says_what_may_be_done(terms: dict[str, Any], sentence: str) -> None:
    assert card(license=terms).endswith(f"## License\n\n{sentence}\n")


def test_those_whom_sounds_are_owed_to_are_pointed_at() -> None:
    said = card("3 × CC0, 1 × CC-BY", license={"attribution": "K. J. Piczak, ESC"})
    assert "Data: K. J. Piczak, ESC. Recordings at their source: 3 × CC0, 1 × CC-BY; by whom" in said
    assert "stands in [ATTRIBUTION.md](ATTRIBUTION.md). The author" in said


def test_the_weakest_classes_come_first() -> None:
    said = card()
    assert "| rain | 50% | 25% | dog |\n| dog | 75% | 100% |  |" in said


def test_parity_is_told_of_held_out_sounds_and_of_the_weights_themselves() -> None:
    said = card(parity={"model.int8.onnx": PARITY})
    assert "On 40 held-out windows of fold 1, 2, 3, 4, 5, each fold by the model that has not heard it" in said
    assert "| `model.int8.onnx` | 0.25 | 0.2 | 97.50 % | 70.00 % (-2.50) | 5.00 % |" in said
    assert "These weights themselves, on 200 windows that they have learned from" in said
    assert "| `model.int8.onnx` | 0.12 | 99.50 % | 0.5 |" in said


def test_speed_stands_beside_the_machine_that_it_was_measured_on() -> None:
    rows = [
        {"engine": "PyTorch", "milliseconds": 20, "speedup": 1},
        {"engine": "ONNX", "milliseconds": 8, "speedup": 2.5, "loading": 31.4},
    ]
    said = card(speed={"machine": "EPYC, 1 thread", "rounds": 40, "rows": rows})
    assert "medians of 40 rounds in turn on EPYC, 1 thread." in said
    assert "| PyTorch | 20.00 | 1.00 × |  |\n| ONNX | 8.00 | 2.50 × | 31 |" in said


def test_the_five_layers_that_pay_most_for_int8_are_shown() -> None:
    assert "INT8 costs" not in card()
    layers = [
        {"layer": f"layer{n}", "rms_delta": n / 10, "max_delta": n, "changed": n, "windows": 64} for n in range(7)
    ]
    said = card(sensitivity=layers).split("## What INT8 costs")[1].split("##")[0]
    assert "The 5 layers that cost most." in said
    assert [line.split("`")[1] for line in said.splitlines() if line.startswith("| `")] == [
        "layer6", "layer5", "layer4", "layer3", "layer2",
    ]  # fmt: skip
    assert "| `layer6` | 0.600 | 6.00 | 6 of 64 |" in said


def test_cepstral_coefficients_are_named_where_the_network_sees_them() -> None:
    assert "| front end | 40 mel bands, 20 to 8000 Hz, frames of 512 every 320 |" in card()
    assert "| front end | 13 cepstral coefficients, 20 to" in card(front_end={"kind": "mfcc", "n_mfcc": 13})


def test_what_it_cannot_know_is_said() -> None:
    said = card()
    assert "It knows 2 classes and must choose one" in said
    assert "It hears 5 s at once" in said
    assert "Not for decisions on which safety depends" in said


def test_every_table_is_whole() -> None:
    said = card(parity={"model.onnx": PARITY}, **SEVERAL)
    tables = [block.splitlines() for block in said.split("\n\n") if block.startswith("|")]
    assert len(tables) == 6
    for table in tables:
        assert len({line.count("|") for line in table}) == 1
        assert set(table[1]) <= set("|- ")
