"""Figures made of what became of requests."""

import math

import numpy as np
import pytest

from benchmarks.answers import OK, REFUSED, Answers, Record, percentile


def batches(every_s: float, size: int, count: int) -> Answers:
    """Answers of an engine that gives back a whole batch at once."""
    ends = [every_s * (batch + 1) for batch in range(count) for _ in range(size)]
    return Answers.of([Record(0.0, 0.0, end, 200, OK) for end in ends])


@pytest.mark.parametrize("start", [0.0, 0.11, 0.15, 0.2])
@pytest.mark.parametrize("stop", [1.0, 1.04, 1.15])
def test_a_rate_does_not_depend_on_where_among_the_batches_the_stretch_begins_and_ends(
    start: float, stop: float
) -> None:
    assert batches(0.1, 8, 20).rate_between(start, stop) == pytest.approx(80)


def test_there_is_no_rate_without_answers() -> None:
    assert Answers.of([]).rate_between(0, 1) == 0


def test_there_is_no_percentile_without_values() -> None:
    assert math.isnan(percentile(Answers.of([]).latency_ms, 50))


def test_latency_begins_when_a_request_was_due_and_answering_when_it_was_sent() -> None:
    answers = Answers.of([Record(1.0, 1.25, 1.5, 429, REFUSED)])
    assert answers.latency_ms.tolist() == [500]
    assert answers.answering_ms.tolist() == [250]
    assert answers.client_lag_ms.tolist() == [250]


def test_they_stand_in_the_order_in_which_they_ended() -> None:
    answers = Answers.of([Record(0, 0, end, 200, OK) for end in (3.0, 1.0, 2.0)])
    assert answers.ended.tolist() == [1, 2, 3]


def test_codes_are_counted() -> None:
    answers = Answers.of([Record(0, 0, 1, 200, OK), Record(0, 0, 1, 429, REFUSED), Record(0, 0, 1, 200, OK)])
    assert answers.codes == {OK: 2, REFUSED: 1}
    assert answers.count(OK, REFUSED) == 3
    assert len(answers.where(np.array([True, False, False]))) == 1
