"""A body that is read whole: every byte of it, however it comes, and nothing of what is sent behind it."""

import gc
import random
import resource
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.reception import LARGEST
from tests.service.tiny import Tiny, digest, serving
from tests.service.wire import Wire, post, request, wait_for, wire

DESK = 16 * 1024


def sound(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311  (only to be told apart)


def pieces(sent: bytes, seed: int) -> list[bytes]:
    """Cut at a few random places."""
    places = sorted(random.Random(seed).sample(range(1, len(sent)), min(5, len(sent) - 1)))  # noqa: S311
    return [sent[start:end] for start, end in zip([0, *places], [*places, len(sent)], strict=True)]


@pytest.mark.parametrize("size", [1, 100, DESK - 200, DESK, DESK + 1, 70_000, 441_044, LARGEST])
def test_every_byte_of_a_body_is_read_and_none_of_the_next_request(line: Wire, size: int) -> None:
    body, other = sound(size), sound(size // 2 + 1)
    for seed in range(3):
        for piece in pieces(post(body, "/whole") + post(other, "/whole") + request("/after"), seed):
            line.send(piece)
            time.sleep(0.003)
        answers = [line.answer().body.decode() for _ in range(3)]
        assert [answer.split()[-1] for answer in answers[:2]] == [digest(body), digest(other)]
        assert answers[2] == "/after 0"


def test_a_body_that_comes_alone_is_read_in_one_piece(line: Wire) -> None:
    for size in (1000, 441_044):
        line.send(post(sound(size), "/whole"))
        assert line.answer().body.decode() == f"whole {digest(sound(size))}"


def test_what_has_no_length_or_too_much_of_it_comes_in_pieces(line: Wire) -> None:
    long = sound(LARGEST + 1)
    line.send(post(long, "/whole"))
    assert line.answer().body.decode() == f"in pieces {digest(long)}"
    line.send(post(b"", "/whole", content_length=None, transfer_encoding="chunked"), b"5\r\nabcde\r\n0\r\n\r\n")
    assert line.answer().body.decode() == f"in pieces {digest(b'abcde')}"


def test_whoever_asks_first_is_told_to_go_on(line: Wire) -> None:
    body = sound(100_000)
    line.send(post(b"", "/whole", content_length=len(body), expect="100-continue"))
    assert line.answer(has_body=False).status == 100
    line.send(body)
    assert line.answer().body.decode() == f"whole {digest(body)}"


@pytest.mark.parametrize(("path", "status"), [("/cramped", 429), ("/hasty", 408)])
def test_what_is_given_up_is_read_to_its_end_and_the_connection_serves_on(line: Wire, path: str, status: int) -> None:
    body = sound(400_000)
    line.send(post(b"", path, content_length=len(body)), body[:200_000])
    assert line.answer().status == status
    line.send(body[200_000:], post(body, "/whole"))
    assert line.answer().body.decode() == f"whole {digest(body)}"


@pytest.mark.parametrize("first", [0, 1, 10_000, 20_000, 99_999])
def test_what_nobody_waits_for_is_passed_over_to_its_last_byte(line: Wire, first: int) -> None:
    body = sound(100_000)
    line.send(post(b"", "/early", content_length=len(body)) + body[:first])
    assert line.answer().body == b"too early"
    for start in range(first, len(body), 30_000):
        line.send(body[start : start + 30_000])
    line.send(post(body, "/whole"))
    assert line.answer().body.decode() == f"whole {digest(body)}"


@pytest.mark.parametrize("sent", [0, 100, 50_000])
def test_whoever_leaves_in_the_middle_of_a_body_is_not_waited_for(tiny: Tiny, sent: int) -> None:
    before = tiny.departed
    with wire(tiny.port) as line:
        line.send(post(b"", "/whole", content_length=100_000), bytes(sent))
        time.sleep(0.05)
    wait_for(lambda: tiny.departed == before + 1)


@pytest.mark.parametrize("size", [0, 10, 50_000, LARGEST + 1])
def test_whoever_leaves_while_his_answer_is_made_is_noticed(tiny: Tiny, size: int) -> None:
    before = tiny.departed
    with wire(tiny.port) as line:
        line.send(post(bytes(size), "/told"))
        time.sleep(0.05)
        assert tiny.departed == before
    wait_for(lambda: tiny.departed == before + 1)


def test_an_answer_that_is_all_head_goes_out(line: Wire) -> None:
    line.send(request("/whatever", method="HEAD"), request("/after"))
    assert line.answer(has_body=False).status == 200
    assert line.answer().body == b"/after 0"


def test_a_body_that_was_refused_takes_no_memory_while_it_still_comes(tiny: Tiny) -> None:
    count, size = 64, LARGEST
    with ExitStack() as stack:
        lines = [stack.enter_context(wire(tiny.port)) for _ in range(count)]
        before = resident()
        for line in lines:
            line.send(post(b"", "/cramped", content_length=size), bytes(500))
        time.sleep(0.1)  # what is refused with its head is not read whole
        for line in lines:
            line.send(bytes(1000))
        assert {line.answer().status for line in lines} == {429}
        for line in lines:
            line.send(bytes(size - 1501))
        time.sleep(0.2)
        assert resident() - before < count * size / 4


def test_a_slow_body_that_was_refused_is_not_cut_off_by_the_patience_for_idle_connections() -> None:
    with serving(keep_alive_s=0.1) as hurried, wire(hurried.port) as line:
        line.send(post(b"", "/cramped", content_length=50_000), bytes(500))
        time.sleep(0.05)
        line.send(bytes(4500))
        assert line.answer().status == 429
        for _ in range(5):
            time.sleep(0.06)
            line.send(bytes(9000))
        line.send(post(b"a", "/whole"))
        assert line.answer().body.decode() == f"whole {digest(b'a')}"


def test_a_request_that_was_answered_is_gone_at_once(line: Wire) -> None:
    line.send(post(b"a", "/whole"))
    line.answer()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            line.send(post(sound(50_000), "/whole"))
            line.answer()
        alive = sum(type(one) is RequestResponseCycle for one in gc.get_objects())  # isinstance would wake some up
    finally:
        gc.enable()
    assert alive < 10


def resident() -> int:
    """Bytes of memory that this process, in which the service runs, takes."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()
