"""The scenarios on a server whose behaviour is known."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.answers import LOST, OK, Answers, Record
from benchmarks.cost import Load
from benchmarks.rates.places import Charged
from benchmarks.rates.scenarios import OFFLINE_CONNECTIONS, STREAMS, multi_stream, play, whole_ms
from benchmarks.raw import RawFigures
from tests.benchmarks.rates.places import place_with
from tests.benchmarks.tiny import named


async def after_20_ms(_: int) -> bytes:
    await asyncio.sleep(0.02)
    return named("rooster")


def test_each_has_as_many_in_flight_as_it_says() -> None:
    with place_with(after_20_ms) as place:
        found = play(place, 0.5)
    for one, streams in ((found.single, 1), (found.multi, STREAMS), (found.offline, OFFLINE_CONNECTIONS)):
        assert one.errors == 0
        assert 20 <= one.p50_ms <= 20 * 2
        assert one.p50_ms <= one.tail_ms
        assert streams / 0.05 < one.per_s <= 1.2 * streams / 0.02


def test_the_bare_engine_is_measured_before_offline_and_after() -> None:
    happened: list[str] = []
    looks = iter([RawFigures(100.0, 10.0, 10.0, 0.1), RawFigures(80.0, 12.0, 12.0, 0.3)])

    with place_with(after_20_ms) as place:

        def raw() -> RawFigures:
            happened.append("raw")
            return next(looks)

        def charged(made: Load) -> Charged:
            happened.append("load")
            return place.charged(made)

        found = play(replace(place, raw=raw, charged=charged), 0.1)
    assert happened == ["load", "load", "raw", "load", "raw"]
    assert found.raw == RawFigures(90.0, 11.0, 11.0, 0.2)
    assert found.raw_drift == pytest.approx(0.25)


def test_a_query_takes_as_long_as_its_slowest_sound() -> None:
    async def one_of_eight_is_slow(number: int) -> bytes:
        await asyncio.sleep(0.08 if number % STREAMS == 3 else 0.0)
        return named("rooster")

    with place_with(one_of_eight_is_slow) as place:
        answers, _ = place.charged(
            lambda: multi_stream(place.address.port, place.requests(), STREAMS, 0.5, place.address.host)
        )
    assert answers.codes == {OK: len(answers)}
    assert len(answers) % STREAMS == 0
    assert np.median(answers.latency_ms) < 40
    assert 80 <= np.median(whole_ms(answers)) < 160
    assert np.unique(answers.due).size == len(answers) / STREAMS


def test_a_lost_connection_is_an_error_and_not_the_end() -> None:
    async def every_tenth_is_hung_up_on(number: int) -> bytes | None:
        return None if number % 10 == 9 else named("rooster")

    with place_with(every_tenth_is_hung_up_on) as place:
        answers, _ = place.charged(lambda: multi_stream(place.address.port, place.requests(), 2, 1.0))
    assert answers.count(LOST) > 1
    assert answers.count(OK) > answers.count(LOST)


def test_wholes_are_told_apart_by_when_they_were_due() -> None:
    ends = [(0.0, 0.1), (0.0, 0.3), (0.5, 0.6), (0.5, 0.55)]
    answers = Answers.of([Record(due, due, ended, 200, OK) for due, ended in ends])
    assert whole_ms(answers) == pytest.approx([300, 100])
