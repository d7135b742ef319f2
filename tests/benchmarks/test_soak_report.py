"""What a soak says of requests around the signal, and of what must not happen."""

from dataclasses import replace

import pytest

from benchmarks.answers import LOST, OK, REFUSED, WRONG, Answers, Record
from benchmarks.hostile import Tally
from benchmarks.soak_report import DRAINING, Ending, Slice, judged
from benchmarks.targets import Verdict

STEADY = [Slice(60.0 * i, 100, 0, 10.0, 20.0, 200.0) for i in range(3)]
GOOD = Answers.of([Record(1.0, 1.0, 1.1, 200, OK)] * 100)
ENDED = Ending(in_flight=5, lost=0, later={DRAINING: 10}, status=0, left=0)
HARMED = Tally({"text": 5}, {}, 0)


def missed(
    answers: Answers = GOOD, slices: list[Slice] = STEADY, hostile: Tally = HARMED, ending: Ending = ENDED
) -> list[str]:
    lines = judged(answers, slices, hostile, ending, 0.0)
    return [line.what for line in lines if line.verdict is Verdict.MISSED]


def ending_of(*records: Record) -> Ending:
    return Ending.of(Answers.of(list(records)), signalled=10.0, status=0, left=0)


def test_a_soak_in_which_nothing_happened_misses_nothing() -> None:
    assert missed() == []


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (Record(1, 1, 2, 200, WRONG), "wrong answers"),
        (Record(1, 1, 2, 500, "internal"), "status 5xx"),
        (Record(1, 1, 2, 0, LOST), "no answer"),
    ],
)
def test_one_bad_end_is_a_missed_target(record: Record, what: str) -> None:
    assert missed(Answers.of([Record(1.0, 1.0, 1.1, 200, OK)] * 99 + [record])) == [what]


def test_memory_may_grow_by_a_twentieth_from_the_first_stretch_to_the_last() -> None:
    assert missed(slices=[*STEADY, replace(STEADY[0], rss_mb=209.0)]) == []
    assert missed(slices=[*STEADY, replace(STEADY[0], rss_mb=211.0)]) == ["growth of memory"]


def test_a_hostile_request_that_got_another_code_is_named() -> None:
    assert missed(hostile=Tally({"text": 5}, {"text: internal": 1}, 1)) == [
        "hostile: not answered as documented",
        "hostile: status 5xx",
    ]


def test_what_was_sent_before_the_signal_must_be_answered() -> None:
    ending = ending_of(Record(9.9, 9.9, 10.5, 200, OK), Record(9.9, 9.9, 10.5, 0, LOST), Record(1, 1, 2, 200, OK))
    assert (ending.in_flight, ending.lost) == (2, 1)
    assert missed(ending=ending) == ["SIGTERM: sent before, never answered"]


def test_what_came_later_may_be_turned_away_but_not_fail() -> None:
    turned_away = Record(10.1, 10.1, 10.2, 503, DRAINING)
    assert missed(ending=ending_of(turned_away, Record(11, 11, 11.1, 0, LOST))) == []
    failed = ending_of(turned_away, Record(11, 11, 11.1, 500, "internal"))
    assert missed(ending=failed) == ["SIGTERM: later ones, not turned away"]


@pytest.mark.parametrize("status", [1, -15, None])
def test_only_an_exit_status_of_0_will_do(status: int | None) -> None:
    assert missed(ending=replace(ENDED, status=status)) == ["SIGTERM: exit status"]


def test_refusals_below_capacity_are_shown_but_promised_to_nobody() -> None:
    assert missed(Answers.of([Record(1.0, 1.0, 1.1, 429, REFUSED)] * 100)) == []
