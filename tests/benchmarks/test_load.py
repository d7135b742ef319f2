"""The load client against servers whose behaviour is known: what they did is what it says."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from benchmarks import load
from benchmarks.answers import LOST, OK, REFUSED, SILENT, UNREACHABLE, WRONG, Answers
from benchmarks.load import Request, arrivals, at_once, closed_loop, open_loop
from benchmarks.wire import post
from tests.benchmarks.tiny import Reply, named, refused, tiny_server

ROOSTER = Request(post(b"sound" * 1000), "rooster")
SLOW = 0.5
"""Share by which a busy machine may be late."""


def loaded(reply: Reply, ask: Callable[[int], Awaitable[Answers]], *, reads_body_first: bool = True) -> Answers:
    async def both() -> Answers:
        async with tiny_server(reply, reads_body_first=reads_body_first) as port:
            return await ask(port)

    return load.run(both())


async def rooster(_: int) -> bytes:
    return named("rooster")


def test_latency_is_what_the_server_took() -> None:
    async def after_50_ms(_: int) -> bytes:
        await asyncio.sleep(0.05)
        return named("rooster")

    answers = loaded(after_50_ms, lambda port: closed_loop(port, [ROOSTER], 2, 1.0))
    assert answers.codes == {OK: len(answers)}
    assert 49 <= np.median(answers.latency_ms) <= 50 * (1 + SLOW)
    assert answers.rate_between(0.1, 1.0) == pytest.approx(2 / 0.05, rel=SLOW)


def test_a_closed_loop_has_no_more_in_flight_than_it_has_connections() -> None:
    flying = [0, 0]

    async def counting(_: int) -> bytes:
        flying[0] += 1
        flying[1] = max(flying)
        await asyncio.sleep(0.005)
        flying[0] -= 1
        return named("rooster")

    loaded(counting, lambda port: closed_loop(port, [ROOSTER], 5, 0.3))
    assert flying[1] == 5


def test_who_was_refused_pauses_and_who_was_served_does_not() -> None:
    async def every_second_is_refused(number: int) -> bytes:
        return refused(429, REFUSED) if number % 2 else named("rooster")

    answers = loaded(every_second_is_refused, lambda port: closed_loop(port, [ROOSTER], 1, 0.35, pause_s=0.1))
    assert 3 <= answers.count(REFUSED) <= 7
    gaps = answers.sent[1:] - answers.ended[:-1]
    assert (gaps[1::2] >= 0.05).all()
    assert np.median(gaps[0::2]) < 0.05


def test_all_at_once_are_in_flight_together() -> None:
    together = asyncio.Barrier(20)

    async def when_all_are_there(_: int) -> bytes:
        await together.wait()
        return named("rooster")

    answers = loaded(when_all_are_there, lambda port: at_once(port, [ROOSTER] * 20))
    assert answers.codes == {OK: 20}


def test_wrong_answers_are_counted() -> None:
    async def every_third_is_wrong(number: int) -> bytes:
        return named("hen" if number % 3 == 0 else "rooster")

    answers = loaded(every_third_is_wrong, lambda port: closed_loop(port, [ROOSTER], 1, 0.2))
    assert answers.count(WRONG) == -(-len(answers) // 3)
    assert answers.count(OK) == len(answers) - answers.count(WRONG)


def test_each_clip_has_a_label_of_its_own() -> None:
    hen = Request(post(b"another sound"), "hen")
    answers = loaded(rooster, lambda port: closed_loop(port, [ROOSTER, hen], 1, 0.2))
    assert answers.count(WRONG) == len(answers) // 2


def test_an_answer_that_is_no_json_is_wrong() -> None:
    async def nonsense(_: int) -> bytes:
        return b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nokay"

    answers = loaded(nonsense, lambda port: closed_loop(port, [ROOSTER], 1, 0.1))
    assert answers.codes == {WRONG: len(answers)}


def test_refusals_are_told_apart_and_timed_by_themselves() -> None:
    async def every_second_is_refused(number: int) -> bytes:
        if number % 2:
            return refused(429, REFUSED)
        await asyncio.sleep(0.05)
        return named("rooster")

    answers = loaded(every_second_is_refused, lambda port: closed_loop(port, [ROOSTER], 1, 0.6))
    refusals = answers.coded(REFUSED)
    assert set(refusals.status.tolist()) == {429}
    assert abs(len(refusals) - answers.count(OK)) <= 1
    assert np.median(refusals.answering_ms) < 20 < np.median(answers.coded(OK).answering_ms)


def test_a_refusal_counts_before_its_body_is_read() -> None:
    big = Request(post(bytes(20_000_000)), "rooster")

    async def at_once(_: int) -> bytes:
        return refused(429, REFUSED)

    answers = loaded(at_once, lambda port: open_loop(port, [big], 20, 0.5), reads_body_first=False)
    assert answers.codes == {REFUSED: len(answers)}


def test_hang_ups_are_counted_and_do_not_end_the_load() -> None:
    async def every_fourth_is_hung_up_on(number: int) -> bytes | None:
        return None if number % 4 == 3 else named("rooster")

    answers = loaded(every_fourth_is_hung_up_on, lambda port: closed_loop(port, [ROOSTER], 1, 0.5))
    assert answers.count(LOST) == len(answers) // 4 > 1
    assert set(answers.coded(LOST).status.tolist()) == {0}


def test_a_server_that_is_not_there_is_unreachable() -> None:
    async def gone() -> Answers:
        async with tiny_server(rooster) as port:
            pass
        return await open_loop(port, [ROOSTER], 50, 0.2)

    answers = load.run(gone())
    assert answers.codes == {UNREACHABLE: len(answers)}


def test_a_server_that_never_answers_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "PATIENCE_S", 0.1)

    async def never(_: int) -> bytes | None:
        await asyncio.sleep(0.5)
        return None

    answers = loaded(never, lambda port: closed_loop(port, [ROOSTER], 1, 0.15))
    assert answers.codes == {SILENT: 2}


def test_an_open_loop_shows_a_stall_to_every_request_that_was_due_in_it() -> None:
    stall_s, rate = 0.5, 200

    async def stalls_once(number: int) -> bytes:
        if number == rate // 2:
            time.sleep(stall_s)  # nobody is answered, and the client itself stalls with it
        return named("rooster")

    answers = loaded(stalls_once, lambda port: open_loop(port, [ROOSTER], rate, 2.0))
    slow = answers.latency_ms > 1000 * stall_s / 2
    assert slow.sum() == pytest.approx(rate * stall_s / 2, rel=0.5)  # those of the stall's first half
    assert 0.8 * stall_s <= answers.latency_ms.max() / 1000 <= stall_s * (1 + SLOW)
    assert answers.codes == {OK: len(answers)}


def test_a_closed_loop_would_have_hidden_it() -> None:
    async def stalls_once(number: int) -> bytes:
        await asyncio.sleep(0.5 if number == 50 else 0.002)
        return named("rooster")

    answers = loaded(stalls_once, lambda port: closed_loop(port, [ROOSTER], 1, 1.0))
    assert (answers.latency_ms > 250).sum() == 1


def test_an_open_loop_sends_as_much_as_is_due_whatever_is_answered() -> None:
    async def late(_: int) -> bytes:
        await asyncio.sleep(0.4)
        return named("rooster")

    answers = loaded(late, lambda port: open_loop(port, [ROOSTER], 100, 1.0, seed=3))
    assert len(answers) == arrivals(100, 1.0, 3).size
    assert answers.codes == {OK: len(answers)}


def test_arrivals_are_a_poisson_process_that_a_seed_repeats() -> None:
    times = arrivals(1000, 10, seed=1)
    assert (times == arrivals(1000, 10, seed=1)).all()
    assert (times[:10] != arrivals(1000, 10, seed=2)[:10]).all()
    assert times.size == pytest.approx(10_000, rel=0.05)
    gaps = np.diff(times)
    assert gaps.mean() == pytest.approx(gaps.std(), rel=0.05)  # as of an exponential distribution
    assert (times[0] >= 0) & (times[-1] < 10)


def test_more_are_due_than_may_be_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MOST_CONNECTIONS", 3)
    flying = [0, 0]

    async def slow(_: int) -> bytes:
        flying[0] += 1
        flying[1] = max(flying)
        await asyncio.sleep(0.02)
        flying[0] -= 1
        return named("rooster")

    answers = loaded(slow, lambda port: open_loop(port, [ROOSTER], 300, 0.4))
    assert flying[1] == 3
    assert answers.codes == {OK: arrivals(300, 0.4, 0).size}
    assert answers.client_lag_ms.max() > 100  # whoever waits for a connection waits for the service


def test_who_waits_for_no_more_answers_leaves_with_those_that_were_never_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load, "MOST_CONNECTIONS", 3)
    asked = [0]

    async def first_of_all(number: int) -> bytes:
        asked[0] += 1
        await asyncio.sleep(0.0 if number == 0 else 5.0)
        return named("rooster")

    answers = loaded(first_of_all, lambda port: open_loop(port, [ROOSTER], 100, 0.3, drain_s=0.2))
    assert answers.codes == {OK: 1, SILENT: arrivals(100, 0.3, 0).size - 1}
    assert asked == [4]
    assert 0.5 <= answers.ended.max() < 2


def test_who_has_all_answers_leaves_at_once() -> None:
    began = time.perf_counter()
    answers = loaded(rooster, lambda port: open_loop(port, [ROOSTER], 50, 0.2, drain_s=30))
    assert answers.codes == {OK: len(answers)}
    assert time.perf_counter() - began < 10


def test_a_connection_that_has_been_idle_for_too_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "IDLE_S", 0.01)
    answers = loaded(rooster, lambda port: open_loop(port, [ROOSTER], 10, 1.0, seed=1))
    assert answers.codes == {OK: len(answers)}
