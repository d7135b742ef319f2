"""What clients do to their connections is no fault of the service: a real model, and what its metrics tell."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.sounds import wav
from tests.service.process import Process, running
from tests.service.refused import has_no_errors
from tests.service.scrape import scraped, value
from tests.service.wire import post, request, wait_for, wire

SOUND = wav(bytes(2 * 32_000 * 6), sample_rate=32_000)
SLOWLY = "/v1/classify?hop_s=0.005&timeout_ms=3600000"
"""Some 200 windows: 12 of these take one engine seconds, on a busy machine a minute, which nobody is refused for."""

PATIENT = {"EARSHOT_MAX_QUEUE": "100000", "EARSHOT_REPLICAS": "1", "EARSHOT_MAX_TIMEOUT_MS": "3600000"}
CLIENTS = 12


@pytest.fixture(scope="module")
def service() -> Iterator[Process]:
    with running("--bundle", "esc10-resnet", env=PATIENT) as process:
        yield process


def counted(service: Process, name: str) -> float:
    """A number from /metrics."""
    return value(scraped(service), name)


@pytest.mark.parametrize("ahead", [request(), post(b"", content_length=9)], ids=["GET", "POST"])
def test_no_engine_works_for_whoever_sent_another_request_and_hung_up(service: Process, ahead: bytes) -> None:
    before = scraped(service)
    with ExitStack() as clients:
        for _ in range(CLIENTS):
            clients.enter_context(wire(service.port)).send(post(SOUND, SLOWLY), ahead)
        wait_for(lambda: counted(service, "earshot_queue_windows") > 1_000)
    wait_for(lambda: counted(service, "earshot_departed_total") == value(before, "earshot_departed_total") + CLIENTS)
    wait_for(lambda: counted(service, "earshot_queue_windows") == 0)
    computed = counted(service, "earshot_batch_size_sum") - value(before, "earshot_batch_size_sum")
    assert computed < CLIENTS * 200 / 2
    assert counted(service, "earshot_windows_total") == 0


@pytest.mark.parametrize("expect", [None, "100-continue"])
def test_a_body_that_breaks_is_the_clients_fault(service: Process, expect: str | None) -> None:
    with wire(service.port) as line:
        line.send(post(b"", content_length=None, transfer_encoding="chunked", expect=expect), b"zz\r\n")
        assert line.answer().code == "invalid_request"
        assert line.rest() == b""


def test_none_of_it_counts_as_a_failure(service: Process) -> None:
    assert counted(service, "earshot_failed_total") == 0
    has_no_errors(service)
