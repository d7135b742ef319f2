"""Temperatures, errors of calibration and thresholds: known ones are found again, small ones worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contract.confidence import probabilities
from export.calibration import (
    CalibrationError,
    calibrate,
    expected_calibration_error,
    fit_temperature,
    reject_threshold,
    reliability,
)

Answers = tuple[NDArray[np.float64], NDArray[np.int64]]


def answers(count: int, temperature: float, classes: int = 5, seed: int = 0) -> Answers:
    """Labels drawn as often as the confidences say, of logits that were then multiplied by the temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((count, classes)) * 2
    draws = probabilities(logits).cumsum(1) > rng.random((count, 1))
    return logits * temperature, draws.argmax(1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_a_known_temperature_is_found(temperature: float) -> None:
    assert fit_temperature(*answers(5000, temperature)) == pytest.approx(temperature, rel=0.06)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0.3, 4), st.integers(2, 8), st.integers(5, 60))
def test_no_other_temperature_is_better(seed: int, temperature: float, classes: int, count: int) -> None:
    """Better by the likelihood with one answer of no class in particular among the others."""
    logits, labels = answers(count, temperature, classes, seed)
    target = np.full(logits.shape, 1 / classes) / (count + 1)
    target[np.arange(count), labels] += count / (count + 1)

    def cost(temperature: float) -> float:
        return float(-(target * np.log(probabilities(logits, temperature) + 1e-300)).sum())

    found = fit_temperature(logits, labels)
    assert all(cost(found) <= cost(other) + 1e-9 for other in (found * 0.98, found * 1.02) if 0.05 <= other <= 20)


@given(st.floats(-50, 50))
def test_a_constant_added_to_all_scores_changes_nothing(shift: float) -> None:
    logits, labels = answers(50, 2.0)
    assert fit_temperature(logits + shift, labels) == pytest.approx(fit_temperature(logits, labels), rel=1e-6)


def test_answers_without_a_mistake_do_not_end_in_certainty() -> None:
    labels = np.arange(40) % 4
    logits = np.eye(4)[labels] * 5
    temperature = fit_temperature(logits, labels)
    assert probabilities(logits, temperature).max(1) == pytest.approx(1 - 0.75 / 41, abs=1e-6)


def test_the_temperature_is_bounded() -> None:
    labels = np.arange(40) % 4
    right = np.eye(4)[labels]
    assert fit_temperature(right * 1e-3, labels) == pytest.approx(0.05)
    assert fit_temperature(right * -1e3, labels) == pytest.approx(20)
    assert fit_temperature(np.ones((40, 4)), labels) == 1


def test_calibration_error_by_hand() -> None:
    """Two bins: 0.3 and 0.5 with no right answer, 0.8 and 0.9 with one."""
    confidence = np.array([0.3, 0.5, 0.8, 0.9])
    correct = np.array([False, False, True, False])
    assert expected_calibration_error(confidence, correct, bins=2) == pytest.approx((0.8 + 0.7) / 4)
    assert expected_calibration_error(confidence, correct, bins=2, adaptive=True) == pytest.approx((0.8 + 0.7) / 4)
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0


def test_adaptive_bins_hold_equally_many() -> None:
    """Equal widths would put all three of 0.7 and above into one bin."""
    confidence = np.array([0.1, 0.7, 0.8, 0.9])
    correct = np.array([False, True, False, True])
    assert expected_calibration_error(confidence, correct, bins=2) == pytest.approx((0.1 + 0.4) / 4)
    assert expected_calibration_error(confidence, correct, bins=2, adaptive=True) == pytest.approx((0.2 + 0.7) / 4)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80), st.booleans())
def test_calibration_error_lies_between_the_mean_gap_and_one(pairs: list[tuple[float, bool]], adaptive: bool) -> None:
    confidence, correct = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    error = expected_calibration_error(confidence, correct, adaptive=adaptive)
    assert abs(confidence.mean() - correct.mean()) - 1e-9 <= error <= 1 + 1e-9


def test_reliability_by_hand() -> None:
    found = reliability(np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 0]))
    assert found.loss == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)
    assert found.ece == pytest.approx((0.2 + 0.6) / 2)


def test_calibration_is_measured_on_the_fold_that_was_left_out() -> None:
    """Fold 1 is thrice too sure, fold 2 five times; the temperature of each knows the other only."""
    modest, modest_labels = answers(400, 3.0, seed=1)
    sure, sure_labels = answers(400, 5.0, seed=2)
    folds = np.repeat([1, 2], 400)
    found = calibrate(np.concatenate([modest, sure]), np.concatenate([modest_labels, sure_labels]), folds)
    first, second = found.folds
    assert (first.fold, first.windows, second.fold, second.windows) == (1, 400, 2, 400)
    assert first.temperature == fit_temperature(sure, sure_labels)
    assert second.temperature == fit_temperature(modest, modest_labels)
    assert second.after == reliability(probabilities(sure, second.temperature), sure_labels)
    assert first.temperature > found.temperature > second.temperature
    assert np.array_equal(found.confidence[:400], probabilities(modest, first.temperature).max(1))


def test_a_temperature_that_harms_other_folds_is_none() -> None:
    modest, modest_labels = answers(400, 0.3, seed=1)
    sure, sure_labels = answers(400, 10.0, seed=2)
    logits, labels = np.concatenate([modest, sure]), np.concatenate([modest_labels, sure_labels])
    found = calibrate(logits, labels, np.repeat([1, 2], 400))
    assert found.temperature == 1
    assert found.after == found.before
    assert all(fold.temperature == 1 and fold.after == fold.before for fold in found.folds)
    assert np.array_equal(found.confidence, probabilities(logits).max(1))


def test_sure_models_are_calmed_down() -> None:
    found = calibrate(*answers(2000, 3.0), np.arange(2000) % 5)
    assert found.temperature == pytest.approx(3, rel=0.1)
    assert found.after.ece < 0.03 < 0.1 < found.before.ece
    assert found.after.ece_adaptive < 0.05
    assert found.after.loss < found.before.loss


def test_forty_clips_of_four_classes_are_enough_for_figures() -> None:
    found = calibrate(*answers(40, 1.0, classes=4), np.arange(40) // 8 + 1)
    assert len(found.folds) == 5
    assert 0.05 < found.temperature < 20
    assert 0.5 <= found.reject.coverage <= 1


def test_the_lowest_confidence_that_keeps_the_precision() -> None:
    """100 answers from 0.99 down; every second below 0.40 is wrong."""
    confidence = np.arange(99, -1, -1) / 100
    correct = (confidence >= 0.4) | (np.arange(100) % 2 == 0)
    found = reject_threshold(confidence, correct)
    assert found.reached
    assert found.threshold == 0.33  # 3 wrong among 67; the next one makes it 4 of 68
    assert found.precision == pytest.approx(64 / 67)
    assert found.coverage == 0.67


def test_a_lucky_run_at_the_top_is_no_threshold() -> None:
    confidence = np.linspace(1, 0, 100)
    correct = np.arange(100) < 10
    found = reject_threshold(confidence, correct)
    assert not found.reached
    assert (found.coverage, found.precision, found.wanted) == (0.2, 0.5, 0.95)


def test_of_fewer_answers_than_the_support_all_are_kept() -> None:
    found = reject_threshold(np.array([0.9, 0.2]), np.array([True, False]))
    assert (found.threshold, found.precision, found.coverage, found.reached) == (0.2, 0.5, 1.0, False)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=120),
    st.sampled_from([0.5, 0.8, 0.95]),
)
def test_a_threshold_keeps_what_it_says(pairs: list[tuple[int, bool]], precision: float) -> None:
    confidence, correct = np.array([pair[0] for pair in pairs]) / 20, np.array([pair[1] for pair in pairs])
    found = reject_threshold(confidence, correct, precision)
    kept = confidence >= found.threshold
    assert found.precision == pytest.approx(correct[kept].mean())
    assert found.coverage == pytest.approx(kept.mean())
    assert found.reached == (found.precision >= precision)
    assert kept.sum() >= min(20, len(pairs))
    if found.reached:
        lower = np.unique(confidence[confidence < found.threshold])
        assert all(correct[confidence >= value].mean() < precision for value in lower)


def test_broken_answers_are_refused() -> None:
    logits, labels = answers(10, 1.0)
    broken = logits.copy()
    broken[3, 1] = np.nan
    with pytest.raises(CalibrationError, match="NaN"):
        fit_temperature(broken, labels)
    with pytest.raises(CalibrationError, match="between 0 and 4"):
        fit_temperature(logits, labels + 3)
    with pytest.raises(CalibrationError, match="N > 0"):
        fit_temperature(logits[:0], labels[:0])
    with pytest.raises(CalibrationError, match="two folds"):
        calibrate(logits, labels, np.ones(10, np.int64))
    with pytest.raises(CalibrationError, match="between 0 and 1"):
        reject_threshold(np.array([np.nan]), np.array([True]))
    with pytest.raises(CalibrationError, match="at least one"):
        expected_calibration_error(np.array([]), np.array([], np.bool_))
