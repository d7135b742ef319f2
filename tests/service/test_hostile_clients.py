"""Clients that dawdle, never end, hang up or come in thousands: none of them keeps others from being served."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import repeat

import numpy as np
import pytest

from service.protocol import LINGER_BYTES
from tests.contract.sounds import encode, wav
from tests.service.bad import NOISE, TOO_LONG
from tests.service.process import Process, running
from tests.service.refused import has_no_errors, refusal, serves_on
from tests.service.scrape import scraped, value
from tests.service.wire import Wire, flood, post, request, rss, wait_for, wire

SMALL = {
    "EARSHOT_MAX_BODY_BYTES": "500000",
    "EARSHOT_MAX_UPLOAD_BYTES": "600000",
    "EARSHOT_MAX_AUDIO_S": "20",
    "EARSHOT_MAX_WINDOWS": "5",
    "EARSHOT_BODY_TIMEOUT_S": "0.6",
    "EARSHOT_HEADER_TIMEOUT_S": "0.4",
    "EARSHOT_KEEP_ALIVE_S": "1",
    "EARSHOT_TIMEOUT_MS": "3000",
}


@pytest.fixture(scope="module")
def small() -> Iterator[Process]:
    """A service with little patience and little room."""
    with running("--bundle", "esc10-resnet", env=SMALL) as process:
        yield process


def test_an_upload_without_end_is_refused(small: Process, rooster: bytes) -> None:
    before = rss(small)
    with wire(small.port) as line:
        line.send(post(b"", content_length=None, transfer_encoding="chunked"))
        for _ in range(31):
            line.send(b"4000\r\n", bytes(0x4000), b"\r\n")
        answer = line.answer()
        assert (answer.status, answer.code) == (413, "too_large")
        assert flood(line, repeat(b"40000\r\n" + bytes(0x40000) + b"\r\n")) < 2 * LINGER_BYTES
    assert rss(small) < before + 16
    serves_on(small, rooster)


def test_an_upload_that_dawdles_is_given_up(small: Process, rooster: bytes) -> None:
    with wire(small.port) as line:
        start = time.monotonic()
        line.send(post(rooster[:100], content_length=len(rooster)))
        answer = line.answer()
    assert (answer.status, answer.code) == (408, "deadline_exceeded")
    assert 0.5 < time.monotonic() - start < 2
    serves_on(small, rooster)


def test_a_head_that_dawdles_is_given_up(small: Process) -> None:
    with wire(small.port) as line:
        line.send(b"POST /v1/classify HT")
        answer = line.answer()
    assert (answer.status, answer.code) == (408, "deadline_exceeded")


def test_too_many_uploads_at_once_are_refused_until_there_is_room(small: Process, rooster: bytes) -> None:
    with wire(small.port) as first, wire(small.port) as second:
        first.send(post(b"", content_length=len(rooster)), rooster[:-1])
        wait_for(lambda: counted(small, "earshot_upload_bytes") == len(rooster) - 1)
        second.send(post(rooster))
        refused = second.answer()
        assert (refused.status, refused.code) == (429, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        first.send(rooster[-1:])
        assert first.answer().status == 200
    serves_on(small, rooster)
    assert counted(small, "earshot_upload_bytes") == 0


def test_a_body_a_sound_and_windows_have_the_bounds_that_are_set(small: Process) -> None:
    assert refusal(small.classify(bytes(500_001))) == (413, "too_large")
    assert refusal(small.classify(wav(bytes(8_000 * 21), bits=8, sample_rate=8_000))) == TOO_LONG
    sound = encode(NOISE[: 4_000 * 15], "WAV", sample_rate=8_000)
    assert len(sound) < 500_000
    assert refusal(small.classify(sound, "?hop_s=0.1")) == TOO_LONG
    assert small.classify(sound, "?hop_s=2").status_code == 200


def counted(server: Process, name: str) -> float:
    """A number from /metrics."""
    return value(scraped(server), name)


def test_whoever_hangs_up_in_mid_upload_is_counted_and_forgotten(server: Process, rooster: bytes) -> None:
    before = counted(server, "earshot_departed_total")
    for _ in range(20):
        with wire(server.port) as line:
            line.send(post(rooster[:50_000], content_length=len(rooster)))
    wait_for(lambda: counted(server, "earshot_departed_total") >= before + 20)
    assert counted(server, "earshot_upload_bytes") == 0
    serves_on(server, rooster)


def test_no_engine_works_for_whoever_has_hung_up() -> None:
    sound = wav(bytes(2 * 32_000 * 6), sample_rate=32_000)
    env = {"EARSHOT_MAX_QUEUE": "100000", "EARSHOT_REPLICAS": "1"}
    with running("--bundle", "esc10-resnet", env=env) as server:
        lines = [Wire(server.port) for _ in range(12)]
        for line in lines:
            line.send(post(sound, "/v1/classify?hop_s=0.005&timeout_ms=60000"))
        wait_for(lambda: counted(server, "earshot_queue_windows") > 1_000)
        for line in lines:
            line.close()
        wait_for(lambda: counted(server, "earshot_departed_total") == 12)
        wait_for(lambda: counted(server, "earshot_queue_windows") == 0)
        assert counted(server, "earshot_batch_size_sum") < 12 * 200 / 2
        assert counted(server, "earshot_windows_total") == 0


def test_requests_with_bytes_turned_over_are_answered_or_refused(small: Process, rooster: bytes) -> None:
    dice = np.random.default_rng(7)
    whole = [
        post(rooster[:20_000]),
        request("/v1/model?a=b", accept="*/*"),
        post(b'{"audio": "YQ=="}', content_type="application/json"),
    ]
    with ExitStack() as stack:
        lines = []
        for i in range(200):
            data = np.frombuffer(whole[i % len(whole)], np.uint8).copy()
            place = dice.integers(0, min(len(data), 200))
            data[place] = dice.integers(0, 256)
            lines.append(stack.enter_context(wire(small.port)))
            lines[-1].send(data.tobytes())
        answers = [line.rest() for line in lines]
    statuses = {int(answer[9:12]) for answer in answers}
    assert statuses <= {200, 400, 404, 405, 408, 413, 415, 422, 429, 431}
    assert {200, 400, 404, 422} <= statuses
    serves_on(small, rooster)


def test_two_thousand_idle_connections_harm_nobody(server: Process, rooster: bytes) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2_500:
        pytest.skip(f"this machine allows {hard} open files, and each connection is one")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2_500), hard))
    before = rss(server)
    with ExitStack() as stack:
        for i in range(2_000):
            line = stack.enter_context(wire(server.port))
            if i % 2:
                line.send(b"POST /v1/classify HTTP/1.1\r\n")
        start = time.monotonic()
        serves_on(server, rooster)
        assert time.monotonic() - start < 2
    assert rss(server) < before + 64


def test_none_of_it_was_an_error(server: Process, small: Process) -> None:
    has_no_errors(server)
    has_no_errors(small)
