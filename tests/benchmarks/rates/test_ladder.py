"""Rates, what becomes of requests at them, and the search for the knee."""

import asyncio
import time
from dataclasses import replace

import pytest

from benchmarks.answers import OK, REFUSED, SILENT
from benchmarks.load import arrivals
from benchmarks.rates import ladder
from benchmarks.rates.ladder import GIVEN_UP, STEP_DOWN, Knee, confirming_s, find_knee, offer
from benchmarks.rates.rounds import Plan, measure
from contract.errors import EarshotError
from tests.benchmarks.rates.places import place_with
from tests.benchmarks.steps import step
from tests.benchmarks.tiny import named, refused


async def rooster(_: int) -> bytes:
    return named("rooster")


def searched(limit: float, rates: list[float], bisections: int = 3) -> tuple[float, list[float]]:
    """The knee of a service that holds up to a limit, and the rates that were tried on the way."""
    tried: list[float] = []

    def holds(rate: float) -> bool:
        tried.append(rate)
        return rate <= limit

    knee = find_knee([(rate, rate <= limit) for rate in rates], holds, lambda rate: rate <= limit, bisections)
    assert knee.is_confirmed is (knee.per_s > 0)
    return knee.per_s, tried


@pytest.mark.parametrize("limit", [81.0, 99.9, 87.5, 80.0])
def test_the_knee_is_between_the_last_that_holds_and_the_next(limit: float) -> None:
    knee, tried = searched(limit, [20, 80, 100, 200])
    assert len(tried) == 3
    assert knee <= limit < knee + 20 / 2**3 + 1e-9


def test_more_bisections_come_closer() -> None:
    assert searched(93.21, [80, 100], bisections=12)[0] == pytest.approx(93.21, abs=20 / 2**12)


def test_where_nothing_holds_the_knee_is_looked_for_below() -> None:
    knee, tried = searched(12.0, [20, 40])
    assert tried[0] == 10
    assert 10 <= knee <= 12


def test_where_all_hold_it_is_the_highest_that_was_tried() -> None:
    assert searched(1e9, [20, 40]) == (40, [])


def test_a_rate_that_held_by_luck_above_one_that_failed_does_not_count() -> None:
    ladder = [(80.0, False), (20.0, True), (60.0, True), (40.0, False)]
    assert find_knee(ladder, lambda _: False, lambda _: True, 1) == Knee(20.0, is_confirmed=True)


@pytest.mark.parametrize(
    ("longest", "knee"),
    [
        (100.0, Knee(80.0, is_confirmed=True)),
        (79.0, Knee(80 * STEP_DOWN, is_confirmed=True)),
        (10.0, Knee(80 * STEP_DOWN**3, is_confirmed=False)),
    ],
)
def test_what_a_longer_load_does_not_confirm_is_looked_for_below(longest: float, knee: Knee) -> None:
    found = find_knee([(80.0, True), (160.0, False)], lambda _: False, lambda rate: rate <= longest)
    assert found.per_s == pytest.approx(knee.per_s)
    assert found.is_confirmed is knee.is_confirmed


@pytest.mark.parametrize(("rate", "seconds"), [(1000.0, 4.0), (100.0, 5.0), (10.0, 6.0)])
def test_a_knee_is_confirmed_by_hundreds_of_requests_if_they_come_in_time(rate: float, seconds: float) -> None:
    assert confirming_s(rate, 2.0) == seconds


def test_what_is_right_and_soon_is_in_time() -> None:
    async def every_fourth_is_slow(number: int) -> bytes:
        await asyncio.sleep(0.15 if number % 4 == 0 else 0.0)
        return named("rooster")

    with place_with(every_fourth_is_slow) as place:
        step = offer(place, 200, 1.0, slo_ms=100, seed=1)
    assert step.codes == {OK: step.requests}
    assert step.in_time == pytest.approx(0.75, abs=0.1)
    assert step.in_time_per_s == pytest.approx(step.in_time * step.due_per_s)
    assert step.answered_per_s == pytest.approx(200, rel=0.3)
    assert not step.holds
    assert step.errors == 0


def test_refusals_are_no_errors_but_not_in_time_either() -> None:
    async def every_second_is_refused(number: int) -> bytes:
        return refused(429, REFUSED) if number % 2 else named("rooster")

    with place_with(every_second_is_refused) as place:
        step = offer(place, 200, 0.5, slo_ms=1000, seed=1)
    assert step.errors == 0
    assert step.in_time == pytest.approx(0.5, abs=0.05)
    assert step.refused == pytest.approx(0.5, abs=0.05)
    assert not step.holds


def test_what_is_not_answered_soon_after_a_load_is_left_and_does_not_spill_into_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ladder, "DRAIN_S", 0.1)
    one_at_a_time, busy = asyncio.Lock(), [0]

    async def ten_per_second(_: int) -> bytes:
        busy[0] += 1
        async with one_at_a_time:
            await asyncio.sleep(0.1)
        busy[0] -= 1
        return named("rooster")

    with place_with(ten_per_second) as place:
        began = time.perf_counter()
        step = offer(place, 50, 0.4, slo_ms=5, seed=1)
        assert busy == [0]
    assert 0.5 <= time.perf_counter() - began < 3
    assert step.requests == arrivals(50, 0.4, 1).size
    assert step.codes.keys() == {OK, SILENT}
    assert step.unanswered == step.codes[SILENT] > 10
    assert step.errors == 0
    assert step.in_time == 0
    assert not step.holds


def test_giving_up_is_an_error_unless_the_request_named_its_deadline() -> None:
    async def given_up(_: int) -> bytes:
        return refused(504, GIVEN_UP)

    with place_with(given_up) as place:
        patient = offer(place, 100, 0.3, slo_ms=100, seed=1)
        urgent = offer(place, 100, 0.3, slo_ms=100, seed=1, urgent=True)
    assert patient.errors == patient.requests > 0
    assert urgent.errors == 0 < urgent.requests


def test_a_stall_shows_in_all_that_were_due_in_it() -> None:
    async def stalls_once(number: int) -> bytes:
        if number == 100:
            time.sleep(0.4)  # all of the server stands still
        return named("rooster")

    with place_with(stalls_once) as place:
        step = offer(place, 200, 1.5, slo_ms=50, seed=1)
    assert step.p99_ms > 300
    assert step.in_time == pytest.approx(1 - 0.35 / 1.2, abs=0.1)


@pytest.mark.parametrize(
    ("counted", "late", "holds"), [(50, 1, True), (50, 2, False), (300, 3, True), (300, 4, False)]
)
def test_one_in_a_hundred_may_be_late(counted: int, late: int, holds: bool) -> None:
    assert replace(step(50.0), counted=counted, punctual=counted - late).holds is holds


def test_a_wrong_answer_is_an_error() -> None:
    with place_with(rooster, label="hen") as place:
        step = offer(place, 100, 0.3, slo_ms=100, seed=1)
    assert step.errors == step.requests > 0
    assert step.in_time == 0


def test_every_round_offers_the_same_rates_at_times_of_its_own_and_finds_a_knee() -> None:
    said: list[str] = []
    with place_with(rooster) as place:
        found = measure(place, Plan(seconds=0.1, rounds=2, rates=(300.0, 50.0), seed=7), said.append)
    assert [[step.offered_per_s for step in one.ladder] for one in found.rounds] == [[50.0, 300.0]] * 2
    assert [one.ladder[1].requests for one in found.rounds] == [arrivals(300, 0.1, 7 + n).size for n in (1001, 2001)]
    assert [one.scenarios.raw for one in found.rounds] == [None, None]
    assert found.slo_ms == pytest.approx(5 * found.rounds[0].scenarios.single.p50_ms)
    assert len([line for line in said if "the knee is at" in line]) == 2


def test_a_knee_is_confirmed_by_a_load_that_lasts_longer() -> None:
    with place_with(rooster) as place:
        found = measure(place, Plan(seconds=0.2, rounds=1, rates=(100.0,), slo_ms=2000, seed=7), lambda _: None)
    (only,) = found.rounds
    assert only.knee == Knee(100.0, is_confirmed=True)
    assert [one.requests for one in only.probes] == [arrivals(100, 0.6, 7 + 1001).size]


def test_nothing_is_measured_where_nothing_is_right() -> None:
    with place_with(rooster, label="hen") as place, pytest.raises(EarshotError, match="not one request"):
        measure(place, Plan(seconds=0.2), lambda _: None)


@pytest.mark.parametrize("words", ["fast", "50,-1", "0", "1,inf", "nan"])
def test_rates_that_are_none_are_refused(words: str) -> None:
    with pytest.raises(EarshotError, match="expected requests per second as in 50,100,200"):
        Plan.made(None, None, words, None, 0, quick=False)


def test_quick_is_less_unless_more_is_asked_for() -> None:
    usual, quick = (Plan.made(None, None, "", None, 0, quick=quick) for quick in (False, True))
    assert quick.seconds * quick.rounds * len(quick.shares) < usual.seconds * usual.rounds * len(usual.shares) / 5
    assert Plan.made(7.0, 2, "5, 6", 12.0, 3, quick=True) == Plan(7.0, 2, quick.shares, (5.0, 6.0), 12.0, 3)
