"""Who may open a stream, how many there may be, and how they end when the service does."""

import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.types import Message
from starlette.websockets import WebSocket
from websockets import InvalidStatus

from service.problems import ProblemError
from service.stream.door import turn_away
from tests.service.process import Process, running
from tests.service.stream.talk import play
from tests.service.stream.wires import begin, dial, handshake, rest
from tests.service.wire import wait_for, wire

KEY, OTHER_KEY = "s3cret", "hidden"
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def guarded() -> Iterator[Process]:
    """A service with two keys, each of which may have two streams."""
    flags = ("--cors-origins", "https://friend.example")
    env = {"EARSHOT_API_KEYS": f"{KEY},{OTHER_KEY}", "EARSHOT_KEY_CONCURRENCY": "2"}
    with running("--bundle", "esc10-resnet", *flags, env=env) as process:
        yield process


def refused(server: Process, **options: Any) -> tuple[int, dict[str, Any], dict[str, str]]:  # noqa: ANN401
    """Status, problem and headers of a stream that is not accepted."""
    with pytest.raises(InvalidStatus) as caught, dial(server, **options):
        pass
    response = caught.value.response
    return response.status_code, json.loads(response.body or b""), dict(response.headers)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_without_a_key_there_is_no_stream(guarded: Process, headers: dict[str, str]) -> None:
    status, problem, answered = refused(guarded, additional_headers=headers)
    assert (status, problem["code"]) == (401, "unauthorized")
    assert answered["content-type"] == "application/problem+json"
    assert problem["request_id"] == answered["x-request-id"]


def test_a_key_in_the_url_is_none(guarded: Process) -> None:
    response = guarded.client.get("/v1/stream", params={"key": KEY})
    assert response.status_code == 401


@pytest.mark.parametrize("headers", [BEARER, {"X-API-Key": KEY}])
def test_a_key_in_a_header_opens_a_stream(guarded: Process, headers: dict[str, str]) -> None:
    with dial(guarded, additional_headers=headers) as socket:
        assert begin(socket)["type"] == "ready"


def test_a_page_brings_its_key_as_a_subprotocol_and_does_not_get_it_back(guarded: Process) -> None:
    with dial(guarded, subprotocols=["earshot.v1", f"earshot.key.{KEY}"]) as socket:
        assert begin(socket)["type"] == "ready"
        assert socket.subprotocol == "earshot.v1"
    status, problem, _ = refused(guarded, subprotocols=["earshot.v1", "earshot.key.wrong"])
    assert (status, problem["code"]) == (401, "unauthorized")


def test_a_key_has_no_more_streams_than_it_may(guarded: Process) -> None:
    own = {"X-API-Key": OTHER_KEY}  # the other tests' last stream may not have quite ended
    with dial(guarded, additional_headers=own) as one, dial(guarded, additional_headers=own) as other:
        begin(one)
        begin(other)
        status, problem, headers = refused(guarded, additional_headers=own)
        assert (status, problem["code"], headers["retry-after"]) == (429, "overloaded", "1")


def test_pages_of_origins_that_are_named_may_open_streams(guarded: Process) -> None:
    with dial(guarded, additional_headers=BEARER, origin="https://friend.example") as socket:
        assert begin(socket)["type"] == "ready"


@pytest.mark.parametrize("origin", ["https://foe.example", "null", "file://", "http://[", "//", "\xe9"])
def test_pages_of_other_origins_may_not(guarded: Process, origin: str) -> None:
    status, problem, _ = refused(guarded, additional_headers=BEARER, origin=origin)
    assert (status, problem["code"]) == (403, "invalid_request")


def test_a_page_without_an_origin_is_not_taken_for_one_of_a_host_without_a_name(guarded: Process) -> None:
    with wire(guarded.port) as line:
        line.send(handshake(**BEARER, host="", origin="null"))
        assert line.answer().status == 403


def test_the_services_own_pages_may_open_streams(guarded: Process) -> None:
    with dial(guarded, additional_headers=BEARER, origin=guarded.url) as socket:
        assert begin(socket)["type"] == "ready"


def test_a_stream_that_sends_nothing_is_closed_with_a_reason() -> None:
    with running("--bundle", "esc10-resnet", "--stream-idle-s", "0.2") as server, dial(server) as socket:
        (ended,), code = rest(socket)
    assert (ended["type"], ended["reason"], code) == ("end", "idle", 1001)


def test_there_are_no_more_streams_than_there_may_be() -> None:
    with running("--bundle", "esc10-resnet", "--max-streams", "1") as server:
        with dial(server) as socket:
            begin(socket)
            status, problem, headers = refused(server)
            assert (status, problem["code"]) == (429, "overloaded")
            assert int(headers["retry-after"]) > 0
        wait_for(lambda: "earshot_streams 0.0" in server.client.get("/metrics").text)
        with dial(server) as again:
            assert begin(again)["type"] == "ready"
            server.terminate(signal.SIGTERM)
            start = time.monotonic()
            again.send(np.zeros(32_000, "<i2").tobytes())
            messages, code = rest(again)
            assert messages[-1]["reason"] == "draining"
            assert code == 1012
        assert server.wait() == 0
        assert time.monotonic() - start < 20  # of 30 s of grace


def test_a_server_that_cannot_tell_why_closes_before_the_door() -> None:
    async def scene() -> None:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        socket = WebSocket({"type": "websocket", "headers": []}, receive, send)
        await turn_away(socket, ProblemError("unauthorized", "No."), "abc")
        assert sent == [{"type": "websocket.close", "code": 1008, "reason": "unauthorized"}]

    play(scene())
