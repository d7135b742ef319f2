"""Whoever offers another protocol gets an answer: a WebSocket, or the one that the request would have had without."""

import time

import pytest
from websockets.frames import Frame, Opcode

from tests.service.stream.wires import handshake
from tests.service.tiny import Tiny, serving
from tests.service.wire import Wire, post, request, wire

OFFERS = {
    "h2c": b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQA\r\n",
    "twice": b"connection: Upgrade\r\nconnection: keep-alive\r\nupgrade: h2c\r\n",
    "unheard of": b"upgrade: websocket2\r\nconnection: upgrade\r\n",
}
CLOSING = b"connection: Upgrade, close\r\nupgrade: h2c\r\n"


def offering(offer: bytes, plain: bytes) -> bytes:
    """The request, with the offer in its head."""
    return plain.replace(b"host:", offer + b"host:", 1)


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS.keys())
def test_an_offer_of_another_protocol_is_passed_over(line: Wire, offer: bytes) -> None:
    line.send(offering(offer, post(bytes(100_000), "/a")), offering(offer, request("/b")) * 3, request("/c"))
    assert [line.answer().body for _ in range(5)] == [b"/a 100000", b"/b 0", b"/b 0", b"/b 0", b"/c 0"]


def test_a_body_in_chunks_behind_an_offer_is_read(line: Wire) -> None:
    head = offering(OFFERS["h2c"], post(b"", "/a", content_length=None, transfer_encoding="chunked"))
    line.send(head, b"3\r\nabc\r\n")
    line.send(b"2\r\nde\r\n0\r\n\r\n")
    assert line.answer().body == b"/a 5"


@pytest.mark.parametrize(
    ("offer", "version"),
    [(CLOSING, b"1.1"), (CLOSING, b"1.0"), (OFFERS["h2c"], b"1.0")],
    ids=["1.1", "1.0", "no 1.1"],
)
@pytest.mark.parametrize("plain", [request("/a"), post(b"abc", "/a")], ids=["GET", "POST"])
def test_a_last_request_with_an_offer_is_answered_and_the_connection_closed(
    tiny: Tiny, line: Wire, offer: bytes, version: bytes, plain: bytes
) -> None:
    line.send(offering(offer, plain).replace(b"HTTP/1.1", b"HTTP/" + version), request("/b"))
    answer = line.answer()
    assert (answer.body[:2], answer.headers["connection"]) == (b"/a", "close")
    assert line.rest() == b""
    assert not tiny.refusals


def test_a_websocket_begins(line: Wire) -> None:
    line.send(request("/a"))
    assert line.answer().body == b"/a 0"
    line.send(handshake("/x"))
    assert line.answer().status == 101


def test_a_websocket_lives_longer_than_a_head() -> None:
    with serving(header_timeout_s=0.3) as tiny, wire(tiny.port) as line:
        line.send(handshake("/x"))
        assert line.answer().status == 101
        time.sleep(0.6)
        line.send(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
        assert line.rest() == Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=False)
        assert not tiny.refusals


def test_a_websocket_that_would_begin_before_an_earlier_answer_is_none(tiny: Tiny, line: Wire) -> None:
    line.send(request("/held"), handshake("/x"), request("/y"))
    tiny.release()
    assert [line.answer().body for _ in range(3)] == [b"/held 0", b"/x 0", b"/y 0"]


@pytest.mark.parametrize("method", [b"GET", b"POST"])
@pytest.mark.parametrize(
    "body",
    [
        {"content_length": 4},
        {"content_length": 10**9},
        {"transfer_encoding": "chunked"},
        {"content_length": 4, "expect": "100-continue"},
    ],
    ids=["whole", "endless", "chunks", "asking"],
)
def test_a_websocket_with_a_body_is_refused(tiny: Tiny, line: Wire, method: bytes, body: dict[str, object]) -> None:
    line.send(handshake("/x", **body).replace(b"GET", method), b"abcd")
    refused = line.answer()
    assert (refused.status, refused.code) == (400, "invalid_request")
    assert line.rest() == b""
    assert tiny.refusals == [("invalid_request", 400)]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (handshake("/x").replace(b"GET", b"POST"), 405),
        (handshake("/x", sec_websocket_key=None), 400),
        (handshake("/x", cookie="c" * 10_000), 431),
        (handshake("/x", content_length=0), 101),
    ],
    ids=["POST", "no key", "long", "empty body"],
)
def test_every_head_that_would_begin_a_websocket_is_answered(line: Wire, head: bytes, status: int) -> None:
    line.send(head)
    assert line.answer().status == status


@pytest.mark.parametrize("head", [offering(OFFERS["h2c"], request()), handshake()], ids=["h2c", "websocket"])
def test_a_head_with_an_offer_has_no_more_time_than_others(head: bytes) -> None:
    with serving(header_timeout_s=0.3) as tiny, wire(tiny.port) as line:
        line.send(head.removesuffix(b"\r\n"))
        assert line.answer().status == 408


def test_a_connection_that_idles_after_an_offer_is_not_kept() -> None:
    with serving(keep_alive_s=1) as tiny, wire(tiny.port) as line:
        line.send(offering(OFFERS["h2c"], request("/a")))
        assert line.answer().body == b"/a 0"
        assert line.rest() == b""
