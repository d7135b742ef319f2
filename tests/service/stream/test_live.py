"""One live stream with an engine that is slow, fails, or is exchanged when the test says so."""

import asyncio
import time

import pytest

from service import serving
from service.engines.base import Samples
from service.jobs import Job
from service.line import LineClosed
from service.serving import State
from service.stream import live
from service.stream.farewell import ASKED, DRAINING, GONE, IDLE, MODEL_CHANGED
from service.waiting import answered
from tests.service.engines.fakes import POISON, Works, window
from tests.service.stream.talk import PATIENCE_S, Talk, model, play, service_with


def held(works: Works) -> "asyncio.Future[None]":
    """Done when a batch is in the engine's hands."""
    return asyncio.ensure_future(asyncio.to_thread(works.computing.wait_until_held))


def test_while_the_engine_is_behind_the_newest_hop_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        works = Works()
        async with service_with(works, monkeypatch) as service:
            talk = Talk(service)
            await talk.begin()
            works.computing.hold()
            talk.sound(1)
            await held(works)
            talk.sound(2, 3, 4, 5)
            await talk.heard()
            assert service.accepted == 1
            works.open()
            first, second = await talk.next(), await talk.next()
            assert (first["hop"], first["skipped"]) == (1, 0)
            assert (second["hop"], second["skipped"]) == (5, 3)
            assert works.heard == [1.0, 5.0]
            assert second["latency_ms"] > 0
            talk.text({"type": "end"})
            assert await talk.next() == {"type": "end", "reason": "asked", "hops": 2, "skipped": 3, "heard_s": 0.5}
            assert await talk.end() is ASKED

    play(scene())


def test_a_recording_may_wait_and_every_hop_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        works = Works()
        async with service_with(works, monkeypatch) as service:
            talk = Talk(service)
            await talk.begin(when_behind="wait")
            works.computing.hold()
            talk.sound(*range(1, 8))
            await held(works)
            works.open()
            talk.text({"type": "end"})
            messages = await talk.rest()
            assert [message["hop"] for message in messages[:-2]] == list(range(1, 8))
            assert messages[-2]["skipped"] == 0
            assert works.heard == [1, 2, 3, 4, 5, 6, 7]

    play(scene())


def test_what_the_engine_cannot_answer_is_told_and_the_stream_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with service_with(Works(), monkeypatch) as service:
            talk = Talk(service)
            await talk.begin()
            talk.sound(POISON)
            problem = await talk.next()
            assert (problem["type"], problem["code"], problem["request_id"]) == ("problem", "unavailable", "abc")
            assert problem["end_s"] == 0.1
            talk.sound(2)
            answer = await talk.next()
            assert (answer["type"], answer["hop"], answer["skipped"]) == ("prediction", 2, 1)

    play(scene())


def test_an_overloaded_service_says_so_and_the_stream_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        works = Works(max_batch=1)
        async with service_with(works, monkeypatch, max_queue=1) as service:
            talk = Talk(service)
            await talk.begin()
            works.computing.hold()
            in_hand = asyncio.create_task(other_request(service.serving, window(8)))
            await held(works)
            in_line = asyncio.create_task(other_request(service.serving, window(9)))
            await asyncio.sleep(0)
            talk.sound(1)
            problem = await talk.next()
            assert (problem["code"], problem["status"], problem["end_s"]) == ("overloaded", 429, 0.1)
            assert problem["retry_after_s"] >= 0
            works.open()
            await asyncio.gather(in_hand, in_line)
            talk.sound(2)
            assert (await talk.next())["hop"] == 2

    play(scene())


async def other_request(at_work: serving.Serving, heard: Samples) -> None:
    await answered(at_work.batcher, Job([heard], time.monotonic() + PATIENCE_S))


def test_the_end_of_the_service_waits_for_the_hop_in_hand_and_for_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        works = Works()
        async with service_with(works, monkeypatch) as service:
            talk = Talk(service)
            await talk.begin()
            works.computing.hold()
            talk.sound(1)
            await held(works)
            talk.sound(2)
            await talk.heard()
            draining = asyncio.create_task(service.drain())
            while service.state is not State.DRAINING:
                await asyncio.sleep(0.001)
            works.open()
            assert (await talk.next())["hop"] == 1
            ended, closed = await talk.rest()
            assert (ended["type"], ended["reason"], ended["skipped"]) == ("end", "draining", 1)
            assert closed == {"close": 1012, "reason": "draining"}
            assert await talk.end() is DRAINING
            await asyncio.wait_for(draining, PATIENCE_S)
            with pytest.raises(LineClosed):
                _ = service.serving

    play(scene())


def test_the_next_hop_is_answered_by_the_model_of_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with service_with(Works(), monkeypatch) as service:
            talk = Talk(service)
            assert (await talk.begin())["model"]["version"] == "1"
            monkeypatch.setattr(serving, "open_model", lambda _: model("2"))
            await asyncio.wait_for(service.reload(), PATIENCE_S)  # does not wait for the stream
            talk.sound(1)
            assert (await talk.next())["model"]["version"] == "2"

    play(scene())


def test_a_model_that_hears_otherwise_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with service_with(Works(), monkeypatch) as service:
            talk = Talk(service)
            await talk.begin()
            monkeypatch.setattr(serving, "open_model", lambda _: model("2", sample_rate=8000))
            await service.reload()
            talk.sound(1)
            ended, closed = await talk.rest()
            assert ended["reason"] == "model_changed"
            assert closed == {"close": 1012, "reason": "model_changed"}
            assert await talk.end() is MODEL_CHANGED

    play(scene())


def test_a_client_that_leaves_takes_its_hop_out_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        works = Works(max_batch=1)
        async with service_with(works, monkeypatch) as service:
            talk = Talk(service)
            await talk.begin()
            works.computing.hold()
            other = asyncio.create_task(other_request(service.serving, window(8)))
            await held(works)
            talk.sound(1)
            while not service.serving.batcher.line.waiting:
                await asyncio.sleep(0.001)
            talk.leave()
            assert await talk.end() is GONE
            assert service.serving.batcher.line.waiting == 0
            assert service.accepted == 0
            works.open()
            await other
            assert works.heard == [8.0]

    play(scene())


def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        works = Works()
        async with service_with(works, monkeypatch) as service:
            talk = Talk(service, send_s=0.05)
            await talk.begin()
            talk.reads.clear()
            talk.sound(1, 2, 3)
            assert await talk.end() is GONE
            assert service.accepted == 0
            assert len(works.heard) == 1

    play(scene())


def test_whoever_waits_for_the_engine_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_S", 0.02)

    async def scene() -> None:
        works = Works()
        async with service_with(works, monkeypatch, stream_idle_s=0.5) as service:
            talk = Talk(service)
            await talk.begin(when_behind="wait")
            works.computing.hold()
            talk.sound(1, 2, 3)
            await held(works)
            await asyncio.sleep(1)
            works.open()
            assert [(await talk.next())["hop"] for _ in range(3)] == [1, 2, 3]
            ended, closed = await talk.rest()
            assert ended["reason"] == "idle"
            assert closed["close"] == 1001
            assert await talk.end() is IDLE

    play(scene())


def test_a_client_that_never_opens_is_idle_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with service_with(Works(), monkeypatch, stream_idle_s=0.05) as service:
            talk = Talk(service)
            await talk.accept()
            ended, _ = await talk.rest()
            assert (ended["reason"], ended["hops"], ended["heard_s"]) == ("idle", 0, 0.0)

    play(scene())


def test_empty_messages_are_no_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with service_with(Works(), monkeypatch, stream_idle_s=0.5) as service:
            talk = Talk(service)
            await talk.begin()
            sending = asyncio.create_task(send_nothing(talk))
            ended, _ = await talk.rest()
            assert (ended["reason"], ended["heard_s"]) == ("idle", 0.0)
            sending.cancel()

    play(scene())


async def send_nothing(talk: Talk) -> None:
    while True:
        talk.sound_of(b"")
        await asyncio.sleep(0.01)


def test_every_hop_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        works = Works()
        async with service_with(works, monkeypatch) as service:
            talk = Talk(service)
            await talk.begin()
            works.computing.hold()
            talk.sound(1)
            await held(works)
            talk.sound(2, 3)
            await talk.heard()
            works.open()
            await talk.next()
            await talk.next()
            talk.sound(POISON)
            await talk.next()
            text = service.metrics.text().decode()
            counts = {end: f'earshot_stream_hops_total{{end="{end}"}} ' for end in ("answered", "skipped", "refused")}
            assert [
                f"{counts[end]}{n}.0" in text for end, n in (("answered", 2), ("skipped", 1), ("refused", 1))
            ] == [True] * 3

    play(scene())
