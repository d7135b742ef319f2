"""Each kind of harm against a real service: it ends as is documented, and the next good request is answered."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from benchmarks.answers import LOST, OK
from benchmarks.bench import requests_for
from benchmarks.clips import wav_bodies
from benchmarks.hostile import TIMEOUTS, Hostile, Outcome, Tally, harass, kinds_of
from benchmarks.load import closed_loop
from benchmarks.served import Served
from benchmarks.subject import Subject

BODIES = wav_bodies()
KINDS = kinds_of(requests_for(BODIES[:1], ["dog"])[0], BODIES[0])


@pytest.fixture(scope="module")
def served(subject: Subject) -> Iterator[Served]:
    with Served([*subject.serve_flags, *TIMEOUTS], frozenset(os.sched_getaffinity(0))) as served:
        served.wait_until_ready()
        yield served


def test_there_are_many_kinds() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 15


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_harm_ends_as_documented(served: Served, kind: Hostile) -> None:
    outcome = asyncio.run(kind.play(served.port))
    assert kind.allows(outcome), outcome
    good = asyncio.run(closed_loop(served.port, requests_for(BODIES[:1], ["dog"]), 1, 0.01))
    assert good.codes == {OK: len(good)}


def test_an_end_that_is_not_documented_is_told(served: Served) -> None:
    text = KINDS[0]
    mistaken = Hostile("mistaken", text.harm, frozenset({"too_large"}))
    tally = asyncio.run(harass(served.port, [mistaken, text], [0.0, 0.01]))
    assert tally.sent == {"mistaken": 1, text.name: 1}
    assert tally.wrong == {"mistaken: undecodable_audio": 1}


def test_server_errors_are_counted_even_where_they_are_not_wrong() -> None:
    tally = Tally()
    tally.add(Hostile("dies", KINDS[0].harm, frozenset({"internal", LOST})), Outcome(500, "internal"))
    assert (tally.server_errors, tally.wrong) == (1, {})
