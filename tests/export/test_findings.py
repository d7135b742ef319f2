"""What an export has found out is told as it was measured."""

import numpy as np
import pytest

from contract.manifest import License, Manifest
from export.findings import Findings
from tests.export.conftest import CLASSES, WIDTH, findings_of, told_by, witness
from training.material import Sounds

TERMS = License(name="not stated", commercial_use=None)


def manifest(findings: Findings) -> Manifest:
    return findings.manifest("tiny", "1.0.0", TERMS)


@pytest.fixture(scope="module")
def of_one_fold(sounds: Sounds) -> Findings:
    return findings_of(witness(sounds, 1))


@pytest.fixture(scope="module")
def of_two_folds(sounds: Sounds) -> Findings:
    """For a model that has heard everything."""
    return findings_of(witness(sounds), told_by(witness(sounds, 2)), told_by(witness(sounds, 4)))


def test_a_single_fold_is_all_that_was_asked_for(of_one_fold: Findings) -> None:
    told = manifest(of_one_fold)
    assert told.held_out_folds == told.calibration.folds == (1,)
    assert list(told.metrics) == ["1"]
    assert told.metrics["1"].ece_calibrated == told.summary.ece_calibrated
    assert (told.summary.accuracy, told.summary.deviation, told.summary.missing_folds) == (1, 0, ())


def test_folds_without_a_model_that_has_not_heard_them_are_missing(of_two_folds: Findings) -> None:
    told = manifest(of_two_folds)
    assert told.held_out_folds == ()
    assert list(told.metrics) == ["2", "4"]
    assert told.summary.missing_folds == (1, 3, 5)


def test_accuracy_is_the_mean_of_the_folds(sounds: Sounds) -> None:
    first, second = (told_by(witness(sounds, fold)) for fold in (2, 4))
    second.wanted.logits[:4] = np.roll(second.wanted.logits[:4], 1, axis=1)
    told = manifest(findings_of(witness(sounds), first, second))
    assert [fold.accuracy for fold in told.metrics.values()] == [1, 0.5]
    assert told.summary.accuracy == 0.75
    assert told.summary.deviation == pytest.approx(np.sqrt(0.125))


def test_the_manifest_says_what_the_model_is(of_one_fold: Findings) -> None:
    told = manifest(of_one_fold)
    assert told.labels == of_one_fold.own.facts.labels
    assert (told.audio.sample_rate, told.audio.window_samples) == (16000, 80000)
    assert (told.front_end.kind, told.front_end.n_mels, told.front_end.n_mfcc) == ("logmel", 40, None)
    assert (told.model.embedding, told.model.pruned) == (WIDTH, 0)
    assert told.recipe == of_one_fold.own.facts.recipe.model_dump(mode="json")
    assert (told.trained_commit, told.summary.commits) == ("abc", ("abc",))


def test_the_reference_holds_what_was_learned_from_and_what_was_answered(
    of_one_fold: Findings, of_two_folds: Findings
) -> None:
    for findings, heard, asked in ((of_one_fold, 32, 8), (of_two_folds, 40, 16)):
        counts = {name: histogram.counts.sum() for name, histogram in findings.reference.histograms.items()}
        assert counts == {
            "level_db": heard, "peak_db": heard, "centroid_hz": heard, "rolloff_hz": heard,
            "confidence": asked, "novelty": asked,
        }  # fmt: skip
        assert findings.reference.predicted.tolist() == [asked / CLASSES] * CLASSES
