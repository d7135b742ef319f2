"""One HTTP connection: what is refused, what is sent ahead, and that whoever is refused can read why.

Real sockets, uvicorn as the service runs it, and behind it the smallest application that reads bodies.
"""

import logging
import time

import pytest

from service import protocol
from service.protocol import MOST_AHEAD
from tests.service.tiny import LARGE, Tiny, serving
from tests.service.wire import Wire, post, request, wait_for, wire


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 1000,
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"FOO / HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\na: b\x00c\r\n\r\n",
        b"GET / HTTP/1.1\r\n: b\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        post(b"", content_length=-1),
        post(b"", content_length="1e3"),
        post(b"", content_length=10**30),
        post(b"", content_length="5, 6"),
        post(b"abcde", transfer_encoding="chunked"),
        post(b"", content_length=None, transfer_encoding="chunked") + b"-5\r\nabcde\r\n",
        post(b"", content_length=None, transfer_encoding="chunked") + b"fffffffffffffffffff\r\n",
        post(b"", content_length=None, transfer_encoding="chunked") + b"5\r\nabcdefg\r\n",
        post(b"", content_length=None, transfer_encoding="chunked", expect="100-continue") + b"zz\r\n",
        post(b"", content_length=None, transfer_encoding="gzip, nonsense") + b"abc",
    ],
    ids=lambda junk: repr(junk[-24:]),
)
def test_what_is_no_http_is_refused_and_the_connection_closed(tiny: Tiny, line: Wire, junk: bytes) -> None:
    line.send(junk)
    refused = line.answer()
    assert (refused.status, refused.code) == (400, "invalid_request")
    assert refused.headers["connection"] == "close"
    assert line.rest() == b""
    assert tiny.refusals == [("invalid_request", 400)]


@pytest.mark.parametrize(
    "head",
    [
        request("/" + "a" * 70_000),
        request(a="b" * 70_000),
        b"GET / HTTP/1.1\r\n" + b"name: value\r\n" * 6_000 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 20_000 + b"\r\n",
    ],
    ids=["target", "header", "headers", "empty headers"],
)
def test_a_head_that_is_too_long_is_refused(tiny: Tiny, line: Wire, head: bytes) -> None:
    line.send(head)
    refused = line.answer()
    assert (refused.status, refused.code) == (431, "invalid_request")
    assert line.rest() == b""
    assert tiny.refusals == [("invalid_request", 431)]


def test_a_head_of_usual_length_is_read_however_it_is_cut(line: Wire) -> None:
    head = request("/x", cookie="c" * 30_000)
    for start in range(0, len(head), 3_000):
        line.send(head[start : start + 3_000])
    assert line.answer().body == b"/x 0"


def test_requests_that_are_sent_ahead_are_answered_in_order(tiny: Tiny, line: Wire) -> None:
    line.send(post(b"abc", "/held"), request("/b"), post(bytes(200_000), "/c"), request("/d"))
    tiny.release()
    assert [line.answer().body for _ in range(4)] == [b"/held 3", b"/b 0", b"/c 200000", b"/d 0"]


def test_the_body_of_a_request_that_was_sent_ahead_has_its_time(
    tiny: Tiny, line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LINGER_S", 0.1)
    line.send(request("/held"), post(b"", "/b", content_length=6), b"abc")
    tiny.release()
    assert line.answer().body == b"/held 0"
    time.sleep(0.3)
    line.send(b"def")
    assert line.answer().body == b"/b 6"


def test_too_many_requests_ahead_are_not_read(tiny: Tiny, line: Wire) -> None:
    line.send(request("/held") + request("/b") * (MOST_AHEAD + 10))
    wait_for(lambda: tiny.refusals == [("overloaded", 429)])
    tiny.release()
    assert line.answer().body == b"/held 0"
    others = line.rest()
    assert others.count(b"/b 0") == MOST_AHEAD
    assert others.lower().count(b"connection: close") == 1
    assert len(tiny.refusals) == 1


def test_what_is_no_http_does_not_spoil_the_answer_before_it(tiny: Tiny, line: Wire) -> None:
    line.send(request("/held"), request("/b"), b"\x00junk\r\n\r\n")
    wait_for(lambda: tiny.refusals == [("invalid_request", 400)])
    tiny.release()
    assert line.answer().body == b"/held 0"
    last = line.answer()
    assert (last.body, last.headers["connection"]) == (b"/b 0", "close")
    assert line.rest() == b""


def test_a_broken_body_does_not_spoil_the_answer_before_it(tiny: Tiny, line: Wire) -> None:
    broken = post(b"", content_length=None, transfer_encoding="chunked") + b"zz\r\n"
    line.send(request("/held"), broken)
    wait_for(lambda: tiny.refusals == [("invalid_request", 400)])
    tiny.release()
    only = line.answer()
    assert (only.body, only.headers["connection"]) == (b"/held 0", "close")
    assert line.rest() == b""


def test_a_body_that_breaks_after_its_answer_gets_no_second_one(tiny: Tiny, line: Wire) -> None:
    line.send(post(b"", "/early", content_length=None, transfer_encoding="chunked"))
    assert line.answer().status == 413
    line.send(b"zz\r\n")
    assert line.rest() == b""
    assert not tiny.refusals


@pytest.mark.parametrize(
    "ahead", [b"", request("/b"), post(b"", "/b", content_length=9)], ids=["none", "GET", "POST"]
)
@pytest.mark.parametrize("later", [False, True])
def test_whoever_hangs_up_is_noticed_whatever_was_sent_ahead(
    tiny: Tiny, line: Wire, caplog: pytest.LogCaptureFixture, ahead: bytes, later: bool
) -> None:
    before = tiny.departed
    line.send(request("/held"), *[] if later else [ahead])
    wait_for(tiny.holds)
    if later:
        line.send(ahead)
        wait_for(lambda: all(bool(each.pipeline) == bool(ahead) for each in tiny.connections))
    line.close()
    wait_for(lambda: tiny.departed == before + 1)
    wait_for(lambda: not tiny.connections)
    assert not caplog.records, "an answer to nobody is no error"


@pytest.mark.parametrize("target", ["/early", "/closing"])
@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_an_answer_before_the_body_can_be_read_after_the_body(
    line: Wire, target: str, version: bytes, connection: str
) -> None:
    line.send(post(b"", target, content_length=len(LARGE), connection=connection).replace(b"HTTP/1.1", version))
    for start in range(0, len(LARGE), 2**20):
        line.send(LARGE[start : start + 2**20])
    assert line.answer().body.startswith(b"too ")


def test_after_an_early_answer_and_its_body_the_connection_serves_on(line: Wire) -> None:
    for _ in range(2):
        line.send(post(LARGE, "/early"))
        assert line.answer().status == 413
    line.send(request("/x"))
    assert line.answer().body == b"/x 0"


def test_whoever_asks_first_whether_to_send_is_told_to(line: Wire) -> None:
    line.send(post(b"", "/x", content_length=3, expect="100-continue"))
    assert line.answer().status == 100
    line.send(b"abc")
    assert line.answer().body == b"/x 3"


def test_whoever_asks_first_whether_to_send_is_told_not_to(line: Wire) -> None:
    line.send(post(b"", "/early", content_length=3, expect="100-continue"))
    assert line.answer().status == 413


def test_http_1_0_is_answered_and_closed(line: Wire) -> None:
    line.send(request("/x").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert line.answer().body == b"/x 0"
    assert line.rest() == b""


def test_nothing_of_all_this_is_an_error_in_the_log(tiny: Tiny, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for junk in (
            b"\x00",
            post(b"", "/early", content_length=10**9),
            post(b"", content_length=None, transfer_encoding="chunked", expect="100-continue") + b"zz\r\n",
            request(upgrade="h2c", connection="upgrade"),
        ):
            with wire(tiny.port) as line:
                line.send(junk)
                line.answer()
        wait_for(lambda: not tiny.connections)
    assert not caplog.records


BROKEN = {
    "head": b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    "body": post(b"", content_length=None, transfer_encoding="chunked") + b"zz\r\n",
    "unwanted body": post(b"", "/early", content_length=9),
    "body of a last request": post(b"", "/closing", content_length=9),
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN.keys())
def test_whoever_only_lingers_does_not_keep_the_service_from_its_end(sent: bytes) -> None:
    with serving() as tiny, wire(tiny.port) as line:
        line.send(sent)
        assert line.answer().status >= 400
        tiny.end()
        assert line.rest() == b""


def test_whoever_is_answered_at_the_end_does_not_linger() -> None:
    with serving() as tiny, wire(tiny.port) as line:
        line.send(request("/held"), BROKEN["head"])
        wait_for(lambda: bool(tiny.refusals))
        tiny.stop()
        wait_for(lambda: not tiny.listens())
        tiny.release()
        assert line.answer().body == b"/held 0"
        tiny.end()
