"""Nothing on a connection goes on for ever but a body that somebody reads, and what is late is given up."""

import itertools
import re
import resource
import time
from collections.abc import Iterator
from threading import Thread

import pytest

from service import protocol
from service.protocol import LINGER_BYTES, MOST_AHEAD
from tests.service.tiny import HEADER_TIMEOUT_S, KEEP_ALIVE_S, LARGE, serving
from tests.service.wire import Wire, flood, post, request, wire


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as port:
        yield port


@pytest.fixture
def line(port: int) -> Iterator[Wire]:
    with wire(port) as line:
        yield line


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
    assert sent < 2 * LINGER_BYTES
    assert re.match(rb"HTTP/1.1 4(00|31) ", line.rest() or b"HTTP/1.1 431 ")


def test_blank_lines_go_on_neither(line: Wire) -> None:
    assert flood(line, itertools.repeat(b"\r\n" * 30_000)) < 2 * LINGER_BYTES


def test_endless_trailers_are_refused(line: Wire) -> None:
    line.send(post(b"", content_length=None, transfer_encoding="chunked"), b"3\r\nabc\r\n0\r\n")
    assert flood(line, itertools.repeat(b"a: b\r\n" * 10_000)) < 2 * LINGER_BYTES


def test_a_head_that_does_not_end_is_given_up(line: Wire) -> None:
    start = time.monotonic()
    line.send(b"GET / HTTP/1.1\r\n")
    refused = line.answer()
    assert (refused.status, refused.code) == (408, "deadline_exceeded")
    assert 0.9 * HEADER_TIMEOUT_S < time.monotonic() - start < HEADER_TIMEOUT_S + 1


def test_a_head_byte_by_byte_is_given_up_all_the_same(line: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LINGER_S", 0.2)
    start = time.monotonic()
    line.send(b"GET /")
    assert flood(line, slowly(b"a")) > 10
    assert time.monotonic() - start < HEADER_TIMEOUT_S + 1.5


def test_whoever_says_nothing_is_not_kept(line: Wire) -> None:
    assert line.rest() == b""


def test_a_connection_without_another_request_is_not_kept(line: Wire) -> None:
    line.send(request("/x"))
    assert line.answer().status == 200
    line.send(b"\r\n")
    start = time.monotonic()
    assert line.rest() == b""
    assert 0.9 * KEEP_ALIVE_S < time.monotonic() - start < KEEP_ALIVE_S + 1


def test_too_many_requests_ahead_are_not_read(line: Wire) -> None:
    line.send(request("/slow") + request("/b") * (MOST_AHEAD + 10))
    assert line.answer().body == b"/slow 0"
    others = line.rest()
    assert others.count(b"/b 0") == MOST_AHEAD
    assert others.lower().count(b"connection: close") == 1


def test_a_flood_of_requests_takes_no_memory(port: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with wire(port) as line:
        reader = Thread(target=line.rest)
        reader.start()
        flood(line, itertools.repeat(request("/a") * 5000, 40))
        line.socket.shutdown(2)
        reader.join()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize("target", ["/early", "/closing"])
def test_a_body_that_nobody_wants_is_read_only_so_far(line: Wire, target: str) -> None:
    line.send(post(b"", target, content_length=10**10))
    assert flood(line, itertools.repeat(bytes(2**20))) < 2 * LINGER_BYTES


@pytest.mark.parametrize("target", ["/early", "/closing"])
def test_a_body_that_nobody_wants_is_waited_for_only_so_long(
    line: Wire, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LINGER_S", 0.2)
    line.send(post(b"abc", target, content_length=10**6))
    start = time.monotonic()
    assert line.answer().status in {408, 413}
    assert flood(line, slowly(b"abc")) > 10
    assert time.monotonic() - start < 1.5


def test_an_answer_that_nobody_reads_is_not_kept(line: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "UNREAD_S", 0.2)
    line.send(request("/long"))
    time.sleep(0.8)
    assert len(line.rest()) < len(LARGE)


def test_an_answer_that_is_read_slowly_is_kept(line: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "UNREAD_S", 5)
    line.send(request("/long", connection="close"))
    time.sleep(KEEP_ALIVE_S + 0.3)
    assert len(line.answer().body) == len(LARGE)


def test_one_connection_too_many_is_told_so() -> None:
    with serving(max_connections=2) as port, wire(port) as first, wire(port) as second:
        for line in (first, second):
            line.send(request("/x"))
            assert line.answer().status == 200
        with wire(port) as third:
            refused = third.answer()
            assert (refused.status, refused.code) == (429, "overloaded")
            assert third.rest() == b""
        first.send(request("/x"))
        assert first.answer().status == 200


def slowly(part: bytes) -> Iterator[bytes]:
    """Over and over, with breaks."""
    while True:
        time.sleep(0.01)
        yield part
