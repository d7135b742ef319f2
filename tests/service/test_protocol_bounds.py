"""Nothing on a connection goes on for ever but a body that somebody reads, and what is late is given up."""

import itertools
import re
import resource
import time
from collections.abc import Iterator
from threading import Thread

import pytest

from service import protocol
from service.protocol import LINGER_BYTES
from tests.service.tiny import LARGE, LARGEST_BODY, Tiny, serving
from tests.service.wire import PATIENCE_S, Wire, flood, post, request, wait_for, wire

SOON_S = 0.3
"""For what has to run out."""

ROOM_BYTES = 32 * 2**20
"""What the buffers of both sides may take beside what is read."""


ENDLESS = {
    "target": b"GET /",
    "name of a header": b"GET / HTTP/1.1\r\n",
    "value of a header": b"GET / HTTP/1.1\r\na: ",
    "trailer": post(b"", content_length=None, transfer_encoding="chunked") + b"3\r\nabc\r\n0\r\na: ",
    "extension of a chunk": post(b"", content_length=None, transfer_encoding="chunked") + b"3;",
    "size of a chunk": post(b"", content_length=None, transfer_encoding="chunked") + b"0",
}


@pytest.mark.parametrize("start", ENDLESS.values(), ids=ENDLESS.keys())
def test_nothing_but_a_body_goes_on_for_ever(line: Wire, start: bytes) -> None:
    line.send(start)
    sent = flood(line, itertools.repeat(b"a" * 65_536 if start[-1:] != b"0" else b"0" * 65_536))
    assert sent < LARGEST_BODY + ROOM_BYTES
    assert re.match(rb"HTTP/1.1 4(00|31) ", line.rest() or b"HTTP/1.1 431 ")


def test_blank_lines_go_on_neither(line: Wire) -> None:
    assert flood(line, itertools.repeat(b"\r\n" * 30_000)) < LARGEST_BODY + ROOM_BYTES


def test_endless_trailers_are_refused(line: Wire) -> None:
    line.send(post(b"", content_length=None, transfer_encoding="chunked"), b"3\r\nabc\r\n0\r\n")
    assert flood(line, itertools.repeat(b"a: b\r\n" * 10_000)) < LARGEST_BODY + ROOM_BYTES


def test_a_head_that_does_not_end_is_given_up() -> None:
    with serving(header_timeout_s=SOON_S) as tiny, wire(tiny.port) as line:
        start = time.monotonic()
        line.send(b"GET / HTTP/1.1\r\n")
        refused = line.answer()
        assert (refused.status, refused.code) == (408, "deadline_exceeded")
        assert time.monotonic() - start > SOON_S / 2
        assert tiny.refusals == [("deadline_exceeded", 408)]


def test_a_head_byte_by_byte_is_given_up_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LINGER_S", SOON_S)
    with serving(header_timeout_s=SOON_S) as tiny, wire(tiny.port) as line:
        line.send(b"GET /")
        flood(line, slowly(b"a"))
        assert tiny.refusals == [("deadline_exceeded", 408)]


def test_a_head_that_is_not_read_is_not_late() -> None:
    with serving(header_timeout_s=SOON_S) as tiny, wire(tiny.port) as line:
        line.send(request("/held"))
        wait_for(tiny.holds)
        line.send(post(bytes(100_000), "/b"), b"GET /c HTTP/1.1\r\n")
        wait_for(lambda: tiny.connections[0].flow.read_paused)
        time.sleep(2 * SOON_S)
        assert not tiny.refusals
        tiny.release()
        assert [line.answer().body for _ in range(2)] == [b"/held 0", b"/b 100000"]


def test_a_head_that_is_refused_is_not_late_besides() -> None:
    with serving(header_timeout_s=SOON_S) as tiny, wire(tiny.port) as line:
        line.send(request("/held"), b"GET / HTTP/1.1\r\nno colon\r\n\r\n")
        wait_for(lambda: bool(tiny.refusals))
        time.sleep(2 * SOON_S)
        tiny.release()
        assert line.answer().body == b"/held 0"
        assert tiny.refusals == [("invalid_request", 400)]


def test_whoever_says_nothing_is_not_kept() -> None:
    with serving(keep_alive_s=SOON_S) as tiny, wire(tiny.port) as line:
        assert line.rest() == b""
        assert not tiny.refusals


@pytest.mark.parametrize("behind", [b"", b"\r\n"], ids=["nothing", "a blank line"])
def test_a_connection_without_another_request_is_not_kept(behind: bytes) -> None:
    with serving(keep_alive_s=1) as tiny, wire(tiny.port) as line:
        line.send(request("/x"))
        assert line.answer().status == 200
        start = time.monotonic()
        line.send(behind)
        assert line.rest() == b""
        assert time.monotonic() - start > 0.5


def test_a_connection_that_idles_after_an_early_answer_is_not_kept() -> None:
    with serving(keep_alive_s=1) as tiny, wire(tiny.port) as line:
        line.send(post(LARGE, "/early"))
        assert line.answer().status == 413
        assert line.rest() == b""


def test_a_flood_of_requests_takes_no_memory(tiny: Tiny) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with wire(tiny.port) as line:
        reader = Thread(target=line.rest)
        reader.start()
        flood(line, itertools.repeat(request("/a") * 5000, 40))
        line.socket.shutdown(2)
        reader.join()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize("target", ["/early", "/closing"])
def test_a_body_that_nobody_wants_is_read_only_so_far(line: Wire, target: str) -> None:
    line.send(post(b"", target, content_length=10**10))
    assert LINGER_BYTES < flood(line, itertools.repeat(bytes(2**20))) < LARGEST_BODY + ROOM_BYTES


@pytest.mark.parametrize("target", ["/early", "/closing"])
def test_a_body_that_nobody_wants_is_waited_for_only_so_long(
    line: Wire, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LINGER_S", SOON_S)
    line.send(post(b"abc", target, content_length=10**6))
    assert line.answer().status in {408, 413}
    assert flood(line, slowly(b"abc")) < 10**6


def test_one_connection_too_many_is_told_so() -> None:
    with serving(max_connections=2) as tiny, wire(tiny.port) as first, wire(tiny.port) as second:
        for line in (first, second):
            line.send(request("/x"))
            assert line.answer().status == 200
        with wire(tiny.port) as third:
            refused = third.answer()
            assert (refused.status, refused.code) == (429, "overloaded")
            assert third.rest() == b""
        first.send(request("/x"))
        assert first.answer().status == 200
        assert tiny.refusals == [("overloaded", 429)]


def slowly(part: bytes) -> Iterator[bytes]:
    """Over and over, with breaks."""
    stop = time.monotonic() + PATIENCE_S
    while time.monotonic() < stop:
        time.sleep(0.01)
        yield part
    raise AssertionError("it went on and on")
