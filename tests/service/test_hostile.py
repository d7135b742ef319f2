"""The service under attack: each request gets its documented answer, and the next good one is served.

A real process, and clients that lie, break off, dawdle or never end. At the end of it the process is as large as
before, has logged no error and has told nobody how it is made.
"""

import base64
import json
import re
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import repeat
from threading import Thread

import httpx2
import numpy as np
import pytest

from service.protocol import LINGER_BYTES
from tests.contract.sounds import RATE, encode, flac_claiming, tone, wav
from tests.service.process import WAV, Process, running
from tests.service.scrape import scraped, value
from tests.service.wire import Wire, flood, post, request, rss, wait_for, wire

LABEL = "rooster"
GIVEN_AWAY = re.compile(
    r"traceback|\bfile \"|/work|/usr|/home|/tmp|\.py\b|site-packages|onnx ?runtime|sound ?file|sndfile|pydantic|numpy"
    r"|uvicorn|starlette|fastapi|httptools|llhttp|multipart\.|python|ffmpeg|errno|0x[0-9a-f]{6}",
    re.IGNORECASE,
)
"""What an answer may not hold: paths, names of libraries, lines of code."""

DECODERS_OWN = "[src/libmpg123"
"""What a decoder writes to standard error by itself."""

NOISE = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype(np.float32)
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


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a problem, which gives nothing away."""
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["detail"][-1] in ".?" or len(problem["detail"]) > 10
    told = answer.text + repr(answer.headers)
    assert not (found := GIVEN_AWAY.search(told)), found
    return answer.status_code, problem["code"]


def serves_on(server: Process, rooster: bytes) -> None:
    """The next good request is answered."""
    answer = server.classify(rooster)
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["label"] == LABEL


def mp3_claiming(frames: int) -> bytes:
    """An MP3 whose Xing tag claims another length."""
    data = bytearray(encode(NOISE, "MP3"))
    tag = max(data.find(b"Xing"), data.find(b"Info"))
    data[tag + 8 : tag + 12] = struct.pack(">I", frames)
    return bytes(data)


UNDECODABLE = (422, "undecodable_audio")
TOO_LONG = (413, "too_long")
BAD_SOUNDS = {
    "text": (b"just some text, again and again " * 100, UNDECODABLE),
    "html": (b"<!doctype html><html><body>404</body></html>", UNDECODABLE),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(1_000), UNDECODABLE),
    "playlist": (b"#EXTM3U\nhttp://127.0.0.1/secret\n", UNDECODABLE),
    "random bytes": (np.random.default_rng(1).bytes(300_000), UNDECODABLE),
    "zeros": (bytes(300_000), UNDECODABLE),
    "one byte": (b"R", UNDECODABLE),
    "the beginning of an m4a": (b"\x00\x00\x00\x18ftypM4A \x00\x00\x02\x00M4A isom" + bytes(64), UNDECODABLE),
    "truncated head": (wav()[:30], UNDECODABLE),
    "truncated data": (wav(bytes(2_000))[:-500], UNDECODABLE),
    "truncated flac": (encode(NOISE, "FLAC")[:20_000], UNDECODABLE),
    "truncated ogg": (encode(NOISE, "OGG")[:9_000], UNDECODABLE),
    "truncated mp3": (encode(NOISE, "MP3")[:9_000], UNDECODABLE),
    "wav that claims 4 GB": (wav(bytes(1_000), declared=4_000_000_000), UNDECODABLE),
    "wav that claims little more": (wav(bytes(1_000), declared=1_002), UNDECODABLE),
    "wav without samples": (wav(b""), UNDECODABLE),
    "zero channels": (wav(channels=0), UNDECODABLE),
    "64 channels": (wav(bytes(64_000), channels=64), UNDECODABLE),
    "32,767 channels": (wav(bytes(655_340), channels=32_767), UNDECODABLE),
    "0 Hz": (wav(sample_rate=0), UNDECODABLE),
    "1 Hz": (wav(sample_rate=1), UNDECODABLE),
    "768 kHz": (wav(sample_rate=768_000), UNDECODABLE),
    "4 GHz": (wav(sample_rate=2**32 - 1), UNDECODABLE),
    "no bits": (wav(bits=0), UNDECODABLE),
    "unknown codec": (wav(encoding=0x1234), UNDECODABLE),
    "NaN": (encode(np.where(np.arange(RATE) == 99, np.nan, 0), "WAV", "FLOAT"), UNDECODABLE),
    "infinity": (encode(np.where(np.arange(RATE) == 99, np.inf, 0), "WAV", "DOUBLE"), UNDECODABLE),
    "beyond all range": (encode(np.full((RATE, 2), 3e38), "WAV", "FLOAT"), UNDECODABLE),
    "a spectrum beyond all range": (encode(np.full(RATE, 1e18), "WAV", "FLOAT"), UNDECODABLE),
    "flac that claims hours": (flac_claiming(10 * 3_600 * RATE), TOO_LONG),
    "flac that claims for ever": (flac_claiming(2**36 - 1), TOO_LONG),
    "mp3 that claims hours": (mp3_claiming(10**7), TOO_LONG),
    "wav of an hour": (wav(bytes(8_000 * 3_600), bits=8, sample_rate=8_000), TOO_LONG),
}


@pytest.mark.parametrize("case", BAD_SOUNDS)
def test_what_is_no_sound_is_refused_for_what_it_is(server: Process, rooster: bytes, case: str) -> None:
    body, wanted = BAD_SOUNDS[case]
    assert refusal(server.classify(body)) == wanted
    serves_on(server, rooster)


CODECS = [
    ("WAV", "PCM_U8"), ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"), ("WAV", "ULAW"), ("WAV", "ALAW"), ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"),
    ("WAVEX", "PCM_16"), ("RF64", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16"), ("AU", "ULAW"), ("CAF", "ALAC_16"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "codec"), CODECS)
def test_a_rooster_is_a_rooster_in_every_codec(server: Process, rooster: bytes, kind: str, codec: str) -> None:
    samples = np.frombuffer(rooster[44:], "<i2") / 2**15
    rate = int.from_bytes(rooster[24:28], "little")
    if codec == "OPUS":  # knows only few rates
        samples, rate = samples[: len(samples) // 4 * 4 : 2], rate // 2
    answer = server.classify(encode(samples, kind, codec, rate), headers={"content-type": "audio/x-whatever"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["label"] == LABEL


SQUARE = np.sign(tone(440, 5)) * 1.0
STRANGE = {
    "silence": encode(np.zeros(5 * RATE), "WAV"),
    "one sample": wav(b"\x01\x00"),
    "direct current": encode(np.full(5 * RATE, 0.9), "WAV"),
    "full-scale square wave": encode(SQUARE, "WAV"),
    "samples far beyond full scale": encode(SQUARE * 1e3, "WAV", "FLOAT"),
    "denormal samples": encode(np.full(RATE, 1e-40), "WAV", "FLOAT"),
    "16 channels": encode(np.repeat(NOISE[:4_000, None], 16, axis=1), "WAV"),
    "4 kHz": encode(NOISE, "WAV", sample_rate=4_000),
    "384 kHz": encode(NOISE, "WAV", sample_rate=384_000),
    "a wav with an open end": wav(bytes(20_000), declared=0xFFFF_FFFF),
}


@pytest.mark.parametrize("case", STRANGE)
def test_strange_sounds_are_answered(server: Process, case: str) -> None:
    answer = server.classify(STRANGE[case], "?top_k=10")
    assert answer.status_code == 200, answer.text
    shares = [one["confidence"] for one in answer.json()["predictions"]]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("hop_s", [None, 0.01])
def test_a_thousand_windows_are_too_many(server: Process, rooster: bytes, hop_s: float | None) -> None:
    data = wav(bytes(2 * 4_000 * 300), sample_rate=4_000)
    answer = server.classify(data, f"?hop_s={hop_s}" if hop_s else "?timeout_ms=60000")
    if hop_s:
        assert refusal(answer) == TOO_LONG
    else:
        assert len(answer.json()["timeline"]) == 60
    serves_on(server, rooster)


BAD_BODIES = {
    "nothing": ("audio/wav", b"", (400, "empty_body")),
    "text as text": ("text/plain", b"hello", (415, "unsupported_media_type")),
    "a form of fields": ("application/x-www-form-urlencoded", b"audio=abc", (415, "unsupported_media_type")),
    "a type that is none": ("nonsense", b"abc", (415, "unsupported_media_type")),
    "a form without boundary": ("multipart/form-data", b"abc", (400, "invalid_request")),
    "a form that is none": ("multipart/form-data; boundary=x", b"abc", (400, "invalid_request")),
    "json that is none": ("application/json", b"{", (400, "invalid_request")),
    "deep json": ("application/json", b'{"audio":' * 500_000, (400, "invalid_request")),
    "deep json in an array": ("application/json", b"[" * 3_000_000, (400, "invalid_request")),
    "json with more": ("application/json", b'{"audio": "YQ==", "more": 1}', (400, "invalid_request")),
    "json without audio": ("application/json", b"{}", (400, "invalid_request")),
    "broken base64": ("application/json", b'{"audio": "%%%"}', (400, "invalid_request")),
    "empty base64": ("application/json", b'{"audio": ""}', (400, "empty_body")),
    "text in base64": ("application/json", b'{"audio": "aGVsbG8="}', UNDECODABLE),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_bodies_that_hold_no_sound_are_refused(server: Process, rooster: bytes, case: str) -> None:
    content_type, body, wanted = BAD_BODIES[case]
    assert refusal(server.classify(body, headers={"content-type": content_type})) == wanted
    serves_on(server, rooster)


def test_the_three_ways_are_refused_alike(server: Process) -> None:
    bad = wav(bytes(1_000), declared=1_500)
    encoded = base64.b64encode(bad).decode()
    answers = [
        server.classify(bad),
        server.client.post("/v1/classify", files={"file": ("a.wav", bad)}),
        server.client.post("/v1/classify", json={"audio": encoded}),
    ]
    assert {refusal(answer) for answer in answers} == {UNDECODABLE}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_the_bytes_of_a_file_without_any_type_are_heard(server: Process, rooster: bytes) -> None:
    with wire(server.port) as line:
        line.send(post(rooster, content_type=None))
        assert line.answer().json()["predictions"][0]["label"] == LABEL


QUERIES = [
    "top_k=0", "top_k=-1", "top_k=1001", "top_k=two", "top_k=1e3", "top_k=1.5", "top_k=nan", "top_k=",
    "top_k=%00", "top_k=%ff%fe", "top_k=" + "9" * 5_000, "top_k=3&top_k=4", "TOP_K=3", "top_k[]=3", "hop_s=0",
    "hop_s=-1", "hop_s=nan", "hop_s=inf", "hop_s=1e400", "hop_s=3601", "hop_s=one", "timeout_ms=0",
    "timeout_ms=-5", "timeout_ms=1e10", "timeout_ms=0.5", "labels=", "labels=unicorn", "labels=dog,unicorn",
    "labels=,", "labels=" + "a," * 4_000, "unknown=1", "=", "a" * 9_000, "%22%3E%3Cscript%3E=1",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:20])
def test_a_query_that_makes_no_sense_is_refused(server: Process, rooster: bytes, query: str) -> None:
    answer = server.classify(rooster, f"?{query}")
    assert refusal(answer) == (400, "invalid_request")
    assert len(answer.text) < 1_000


def test_a_query_of_thousands_is_refused_as_fast_as_any(server: Process) -> None:
    start = time.monotonic()
    answer = server.classify(b"RIFF", "?" + "&".join(f"a{i}=" for i in range(8_000)))
    assert refusal(answer) == (400, "invalid_request")
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("GET", "/v1/classify", {"POST"}),
        ("PUT", "/v1/classify", {"POST"}),
        ("DELETE", "/v1/classify", {"POST"}),
        ("OPTIONS", "/v1/classify", {"POST"}),
        ("TRACE", "/v1/classify", {"POST"}),
        ("PATCH", "/v1/model", {"GET"}),
        ("POST", "/metrics", {"GET"}),
    ],
)
def test_a_method_that_a_route_does_not_know_is_refused(
    server: Process, method: str, target: str, allowed: set[str]
) -> None:
    answer = server.client.request(method, target, content=b"abc" if method in {"PUT", "POST", "PATCH"} else None)
    assert refusal(answer) == (405, "invalid_request")
    assert allowed <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("target", ["/healthz", "/readyz"])
def test_health_can_be_asked_for_without_a_body(server: Process, target: str) -> None:
    answer = server.client.head(target)
    assert (answer.status_code, answer.content) == (200, b"")


NOWHERE = [
    "/nothing", "/v1/", "/v1/classify/more", "//v1/classify", "/v1/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
    "/v1%00", "/%ff", "/x" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("target", NOWHERE, ids=lambda target: target[:20])
def test_there_is_nothing_elsewhere(server: Process, target: str) -> None:
    with wire(server.port) as line:
        line.send(request(target))
        answer = line.answer()
    assert (answer.status, answer.code) == (404, "not_found")
    assert len(answer.body) < 1_000


def test_without_an_admins_key_there_is_no_reload(server: Process) -> None:
    refused = server.client.post("/v1/admin/reload", headers={"authorization": "Bearer boss"})
    assert refusal(refused) == (404, "not_found")


def test_a_body_of_10_gb_is_refused_unread(server: Process, rooster: bytes) -> None:
    with wire(server.port) as line:
        line.send(post(b"", content_length=10**10))
        answer = line.answer()
    assert (answer.status, answer.code) == (413, "too_large")
    serves_on(server, rooster)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"content_type": "text/plain"}, (415, "unsupported_media_type")),
        ({"content_encoding": "gzip"}, (415, "unsupported_media_type")),
    ],
)
@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_a_refusal_before_the_body_can_be_read_behind_it(
    server: Process, headers: dict[str, str], wanted: tuple[int, str], connection: str
) -> None:
    with wire(server.port) as line:
        line.send(post(bytes(8 * 2**20), connection=connection, **headers))
        answer = line.answer()
    assert (answer.status, answer.code) == wanted


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


def test_the_answers_tell_no_two_clients_the_same_id(server: Process, rooster: bytes) -> None:
    ids = {server.classify(rooster).json()["request_id"] for _ in range(5)}
    assert len(ids) == 5
    assert server.classify(rooster, headers=WAV | {"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    for bad in ("a b", "a" * 129, "\xe4", ""):
        with wire(server.port) as line:
            line.send(request(x_request_id=bad))
            assert line.answer().headers["x-request-id"] not in {bad, ""}


def test_after_hundreds_of_attacks_the_process_is_as_large_as_before(server: Process, rooster: bytes) -> None:
    attacks = [(body, WAV) for body, _ in BAD_SOUNDS.values() if len(body) < 10**6]
    attacks += [(body, {"content-type": kind}) for kind, body, _ in BAD_BODIES.values() if len(body) < 10**6]
    attacks += [(body, WAV) for body in STRANGE.values()]

    def one_round() -> None:
        for body, headers in attacks:
            server.classify(body, headers=headers)

    def many_rounds() -> None:
        for _ in range(2):
            one_round()

    many_rounds()
    before = rss(server)
    threads = [Thread(target=many_rounds) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rss(server) < before + 48
    serves_on(server, rooster)


def test_none_of_it_was_an_error(server: Process, small: Process) -> None:
    for process in (server, small):
        assert process.process.poll() is None
        assert "Traceback" not in process.log
        told = [json.loads(line) for line in process.lines if not line.startswith(DECODERS_OWN)]
        assert not [line for line in told if line["level"] in {"error", "critical"}]
        assert not [line for line in told if 500 <= line.get("status", 0) < 600]
