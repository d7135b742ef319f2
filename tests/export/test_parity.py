"""The gate: what may pass, and what is said where something may not."""

import numpy as np
import pytest

from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH
from export.parity import HOSTILE_LIMITS, LIMITS, Comparison, ParityError, compare

LABELS = np.arange(400) % 4
WANTED = np.eye(4, dtype=np.float32)[LABELS] * 5


def answers(changed: int = 0, shift: float = 0.0) -> Comparison:
    """Answers to 400 windows, of which the first few are others."""
    logits = WANTED + np.float32(shift)
    logits[:changed] = np.roll(logits[:changed], 1, axis=1)
    return compare(WANTED, logits, LABELS)


def test_what_is_compared() -> None:
    comparison = answers(changed=4)
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
        (FLOAT_GRAPH, answers(shift=9e-4), answers(shift=1.1e-3)),
        (FLOAT_GRAPH, answers(), answers(changed=1)),
        (HALF_GRAPH, answers(changed=2), answers(changed=3)),
        (INT8_GRAPH, answers(changed=2), answers(changed=3)),
    ],
)
def test_limits(name: str, passes: Comparison, fails: Comparison) -> None:
    assert not LIMITS[name].broken_by(passes)
    assert LIMITS[name].broken_by(fails)


def test_int8_may_answer_otherwise_where_it_is_as_often_right() -> None:
    wrong_anyway = np.roll(LABELS, 1)
    logits = np.roll(WANTED, 2, axis=1)
    assert not LIMITS[INT8_GRAPH].broken_by(compare(WANTED, logits, wrong_anyway))


def test_of_few_windows_one_may_change() -> None:
    one, two = WANTED[:8].copy(), WANTED[:8].copy()
    one[:1], two[:2] = np.roll(one[:1], 1, axis=1), np.roll(two[:2], 1, axis=1)
    assert not LIMITS[HALF_GRAPH].broken_by(compare(WANTED[:8], one, LABELS[:8]))
    assert LIMITS[HALF_GRAPH].broken_by(compare(WANTED[:8], two, LABELS[:8]))
    assert LIMITS[FLOAT_GRAPH].broken_by(compare(WANTED[:8], one, LABELS[:8]))


def test_on_hostile_signals_a_front_end_of_low_precision_is_answers() -> None:
    like_tf32 = Comparison(8, 1.1, 1.1, 1.0, 1.0, 1.0)
    assert HOSTILE_LIMITS[FLOAT_GRAPH].broken_by(like_tf32) == ["logits differ by up to 1.1, more than 0.001"]
    assert HOSTILE_LIMITS[HALF_GRAPH].broken_by(like_tf32)
    assert not HOSTILE_LIMITS[INT8_GRAPH].broken_by(like_tf32)


def test_answers_that_are_no_numbers_never_pass() -> None:
    broken = np.full_like(WANTED, np.nan)
    for wanted, found in ((WANTED, broken), (broken, WANTED), (broken, broken)):
        with pytest.raises(ParityError, match="no number"):
            compare(wanted, found, LABELS)
