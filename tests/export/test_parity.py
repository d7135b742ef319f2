"""The gate: what may pass, and what is said where something may not."""

import numpy as np
import pytest

from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH
from export.parity import Comparison, ParityError, compare, failures, require

LABELS = np.arange(400) % 4
WANTED = np.eye(4, dtype=np.float32)[LABELS] * 5
SAME = Comparison(400, 0.0, 0.0, 1.0, 1.0, 1.0)


def found(changed: int = 0, shift: float = 0.0) -> Comparison:
    """Answers to 400 windows, of which the first few are others."""
    logits = WANTED + np.float32(shift)
    logits[:changed] = np.roll(logits[:changed], 1, axis=1)
    return compare(WANTED, logits, LABELS)


def test_what_is_compared() -> None:
    comparison = found(changed=4)
    assert comparison.windows == 400
    assert comparison.max_delta == 5
    assert comparison.agreement == pytest.approx(0.99)
    assert comparison.lost == pytest.approx(0.01)


def test_one_logit_in_a_thousand_does_not_decide_the_quantile() -> None:
    logits = WANTED.copy()
    logits[0, 0] += 1
    comparison = compare(WANTED, logits, LABELS)
    assert (comparison.max_delta, comparison.p999_delta) == (1, 0)


@pytest.mark.parametrize(
    ("name", "passes", "fails"),
    [
        (FLOAT_GRAPH, found(shift=9e-4), found(shift=1.1e-3)),
        (FLOAT_GRAPH, found(), found(changed=1)),
        (HALF_GRAPH, found(changed=2), found(changed=3)),
        (INT8_GRAPH, found(changed=2), found(changed=3)),
    ],
)
def test_limits(name: str, passes: Comparison, fails: Comparison) -> None:
    assert not failures(name, passes, SAME)
    assert failures(name, fails, SAME)


def test_int8_may_answer_otherwise_where_it_is_as_often_right() -> None:
    wrong_anyway = np.roll(LABELS, 1)
    logits = np.roll(WANTED, 2, axis=1)
    assert not failures(INT8_GRAPH, compare(WANTED, logits, wrong_anyway), SAME)


def test_of_few_windows_one_may_change() -> None:
    one, two = WANTED[:8].copy(), WANTED[:8].copy()
    one[:1], two[:2] = np.roll(one[:1], 1, axis=1), np.roll(two[:2], 1, axis=1)
    assert not failures(HALF_GRAPH, compare(WANTED[:8], one, LABELS[:8]), SAME)
    assert failures(HALF_GRAPH, compare(WANTED[:8], two, LABELS[:8]), SAME)
    assert failures(FLOAT_GRAPH, compare(WANTED[:8], one, LABELS[:8]), SAME)


def test_hostile_signals_hold_float32_to_its_limit() -> None:
    hostile = Comparison(8, 0.5, 0.5, 1.0, 1.0, 1.0)
    (sentence,) = failures(FLOAT_GRAPH, SAME, hostile)
    assert sentence == "model.onnx, on hostile signals: logits differ by up to 0.5, more than 0.001"
    assert not failures(INT8_GRAPH, SAME, hostile)


def test_answers_that_are_no_numbers_never_pass() -> None:
    with pytest.raises(ParityError, match="not finite"):
        compare(WANTED, np.full_like(WANTED, np.nan), LABELS)


def test_all_that_is_wrong_is_said_at_once() -> None:
    require([])
    with pytest.raises(ParityError, match=r"^a; b\. Nothing was written$"):
        require(["a", "b"])
