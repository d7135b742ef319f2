"""What is refused by its head alone: like any refusal, counted once, and only where nothing else is to be seen to."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.doorstep import _timeout_ms
from tests.service.process import WAV, Process, running
from tests.service.scrape import scraped, value

CROWDED = ("--bundle", "esc10-resnet", "--replicas", "1", "--max-queue", "1", "--max-batch", "1")


def crowd(server: Process, rooster: bytes, headers: dict[str, str]) -> list[httpx2.Response]:
    """The answers to many who come at once, over connections that stay open."""
    with ThreadPoolExecutor(24) as pool:
        return list(pool.map(lambda _: server.classify(rooster, headers=WAV | headers), range(240)))


def test_who_is_refused_by_his_head_is_told_like_any_other_and_counted_once(rooster: bytes) -> None:
    with running(*CROWDED) as server:
        answers = crowd(server, rooster, {"x-request-id": "mine"})
        counts = Counter(answer.status_code for answer in answers)
        assert counts.keys() == {200, 429}
        for answer in answers:
            assert answer.headers["x-request-id"] == "mine"
            if answer.status_code == 429:
                assert answer.json()["code"] == "overloaded"
                assert answer.json()["request_id"] == "mine"
                assert int(answer.headers["retry-after"]) >= 1
                assert "connection" not in answer.headers, "the next request comes over the same"
        told = scraped(server)
        refused = value(told, "earshot_requests_total", route="/v1/classify", status="429", code="overloaded")
        assert refused == counts[429]
        assert value(told, "earshot_rejected_total", code="overloaded") == counts[429]
        assert server.log.count('"status": 429') < counts[429], "not all of them went further than the doorstep"


def test_a_stranger_is_a_stranger_however_full_it_is(rooster: bytes) -> None:
    with running(*CROWDED, env={"EARSHOT_API_KEYS": "secret"}) as server, ThreadPoolExecutor(1) as pool:
        known = pool.submit(crowd, server, rooster, {"x-api-key": "secret"})
        assert {server.classify(rooster).status_code for _ in range(20)} == {401}
        assert {answer.status_code for answer in known.result()} == {200, 429}


@pytest.mark.parametrize(
    ("query", "milliseconds"),
    [
        (b"", None),
        (b"top_k=3", None),
        (b"timeout_ms=250", 250),
        (b"top_k=3&timeout_ms=1", 1),
        (b"timeout_ms=0", None),
        (b"timeout_ms=", None),
        (b"timeout_ms=-5", None),
        (b"timeout_ms=99999999999", None),
        (b"timeout_ms=\xb2", None),
        (b"xtimeout_ms=5", None),
    ],
)
def test_a_deadline_is_read_as_far_as_it_is_understood(query: bytes, milliseconds: int | None) -> None:
    assert _timeout_ms(query) == milliseconds


@given(st.binary(max_size=200))
def test_no_query_is_too_strange_to_be_looked_at(query: bytes) -> None:
    found = _timeout_ms(b"timeout_ms=" + query)
    assert found is None or 0 < found < 10**9
