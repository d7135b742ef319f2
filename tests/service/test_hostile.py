"""The service under attack: each request gets its documented answer, and the next good one is served.

A real process, and whatever can be sent in one request. At the end of it the process is as large as before, has
logged no error and has told nobody how it is made.
"""

import base64
import time
from threading import Thread

import numpy as np
import pytest

from tests.contract.sounds import encode, wav
from tests.service.bad import BAD_BODIES, BAD_SOUNDS, CODECS, STRANGE, TOO_LONG, UNDECODABLE
from tests.service.process import WAV, Process
from tests.service.refused import LABEL, has_no_errors, refusal, serves_on
from tests.service.wire import post, request, rss, wire


@pytest.mark.parametrize("case", BAD_SOUNDS)
def test_what_is_no_sound_is_refused_for_what_it_is(server: Process, rooster: bytes, case: str) -> None:
    body, wanted = BAD_SOUNDS[case]
    assert refusal(server.classify(body)) == wanted
    serves_on(server, rooster)


@pytest.mark.parametrize(("kind", "codec"), CODECS)
def test_a_rooster_is_a_rooster_in_every_codec(server: Process, rooster: bytes, kind: str, codec: str) -> None:
    samples = np.frombuffer(rooster[44:], "<i2") / 2**15
    rate = int.from_bytes(rooster[24:28], "little")
    if codec == "OPUS":  # knows only few rates
        samples, rate = samples[: len(samples) // 4 * 4 : 2], rate // 2
    answer = server.classify(encode(samples, kind, codec, rate), headers={"content-type": "audio/x-whatever"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["label"] == LABEL


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


def test_none_of_it_was_an_error(server: Process) -> None:
    has_no_errors(server)
