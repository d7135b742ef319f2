"""What Prometheus reads from a real process, after traffic that is known."""

import re
import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
from prometheus_client import Metric

from service.batcher import Load
from service.engines.base import EngineFacts
from service.metrics import Metrics
from service.problems import KINDS
from service.serving import Service, Serving
from service.trace import Trace
from tests.service.process import Process, running
from tests.service.scrape import scraped, value

GOOD, BAD, DEPARTED = 3, 1, 1
WINDOWS = GOOD
CLIP_S = 5.0
CLASSIFY = {"route": "/v1/classify"}


def leave_half_way(server: Process, body: bytes) -> None:
    """Hang up in the middle of an upload."""
    head = f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: audio/wav\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head.encode() + body[: len(body) // 2])


@pytest.fixture(scope="module")
def known(rooster: bytes) -> Iterator[Process]:
    """A process that has seen just this."""
    with running("--bundle", "esc10-resnet") as server:
        for _ in range(GOOD):
            assert server.classify(rooster).status_code == 200
        for _ in range(BAD):
            assert server.classify(b"no sound at all").status_code == 422
        for _ in range(DEPARTED):
            leave_half_way(server, rooster)
        stop = time.monotonic() + 5
        while value(scraped(server), "earshot_departed_total") < DEPARTED:
            assert time.monotonic() < stop
            time.sleep(0.01)
        yield server


@pytest.fixture(scope="module")
def told(known: Process) -> dict[str, Metric]:
    """What it says of that."""
    return scraped(known)


def test_requests_are_counted_by_status_and_code(told: dict[str, Metric]) -> None:
    assert value(told, "earshot_requests_total", status="200", code="ok", **CLASSIFY) == GOOD
    assert value(told, "earshot_requests_total", status="422", code="undecodable_audio", **CLASSIFY) == BAD
    assert value(told, "earshot_requests_total", status="499", code="departed", **CLASSIFY) == DEPARTED


@pytest.mark.parametrize("stage", ["queue", "engine", "total"])
def test_each_answer_is_in_the_histogram_of_each_stage(told: dict[str, Metric], stage: str) -> None:
    assert value(told, "earshot_stage_seconds_count", stage=stage) == GOOD
    assert value(told, "earshot_stage_seconds_bucket", stage=stage, le="+Inf") == GOOD
    assert 0 < value(told, "earshot_stage_seconds_sum", stage=stage) < GOOD


def test_only_what_could_be_decoded_took_time_to_decode(told: dict[str, Metric]) -> None:
    assert value(told, "earshot_stage_seconds_count", stage="decode") == GOOD


def test_stages_add_up_to_less_than_the_whole(told: dict[str, Metric]) -> None:
    parts = sum(value(told, "earshot_stage_seconds_sum", stage=stage) for stage in ("decode", "queue", "engine"))
    assert parts < value(told, "earshot_stage_seconds_sum", stage="total")


def test_batches_and_the_time_they_took_are_told(told: dict[str, Metric]) -> None:
    assert value(told, "earshot_batch_size_sum") == WINDOWS
    assert value(told, "earshot_batch_size_count") == WINDOWS  # one after the other
    engine = value(told, "earshot_stage_seconds_sum", stage="engine")
    assert 0 < value(told, "earshot_engine_busy_seconds_total") <= engine


def test_sound_windows_and_bytes_are_counted(told: dict[str, Metric], rooster: bytes) -> None:
    assert value(told, "earshot_audio_seconds_total") == pytest.approx(GOOD * CLIP_S)
    assert value(told, "earshot_windows_total") == WINDOWS
    assert value(told, "earshot_body_bytes_total") == GOOD * len(rooster) + BAD * len(b"no sound at all")


def test_the_state_of_this_moment_is_told(told: dict[str, Metric]) -> None:
    assert value(told, "earshot_ready") == 1
    assert value(told, "earshot_in_flight") == 1  # the one that asks
    assert value(told, "earshot_upload_bytes") == 0
    assert value(told, "earshot_decoding") == 0
    assert value(told, "earshot_queue_windows") == 0
    assert value(told, "earshot_queue_age_seconds") == 0
    assert value(told, "earshot_engines") == value(told, "earshot_engines_at_work") > 0
    assert value(told, "earshot_engine_restarts_total") == 0
    assert 0 < value(told, "earshot_predicted_wait_seconds") < 1


def test_a_refusal_has_a_zero_to_begin_at(told: dict[str, Metric]) -> None:
    for code in ("overloaded", "draining", "deadline_exceeded", "unavailable"):
        assert value(told, "earshot_rejected_total", code=code) == 0


def test_what_is_refused_is_counted(server: Process, rooster: bytes) -> None:
    problem = server.classify(rooster, "?timeout_ms=1").json()
    assert problem["code"] in {"overloaded", "deadline_exceeded"}  # at the door, or on the way
    assert value(scraped(server), "earshot_rejected_total", code=problem["code"]) == 1


def test_what_fails_by_a_fault_of_the_service_is_counted() -> None:
    metrics = Metrics()
    for code in ("ok", "undecodable_audio", "internal"):
        metrics.request(Trace("id", code=code))
    assert metrics.registry.get_sample_value("earshot_failed_total") == 1


def test_the_engine_is_named(known: Process, told: dict[str, Metric]) -> None:
    facts = known.client.get("/v1/model").json()
    (sample,) = told["earshot_engine_info"].samples
    assert sample.value == 1
    assert sample.labels["model"] == facts["name"]
    assert sample.labels["version"] == facts["version"]
    assert sample.labels["sha256"] == facts["engine"]["sha256"]
    assert sample.labels["precision"] == facts["engine"]["precision"]


def test_the_process_is_measured_too(told: dict[str, Metric]) -> None:
    assert value(told, "process_resident_memory_bytes") > 2**20
    assert value(told, "process_cpu_seconds_total") > 0
    assert 0 < value(told, "process_open_fds") < value(told, "process_max_fds")


def test_names_are_those_that_prometheus_asks_for(told: dict[str, Metric], known: Process) -> None:
    """Base units, one prefix, `_total` on counters and on nothing else."""
    ours = {name: family for name, family in told.items() if not name.startswith(("process_", "python_"))}
    for name, family in ours.items():
        assert re.fullmatch(r"earshot_[a-z]+(_[a-z]+)*", name)
        assert not name.endswith(("_total", "_count", "_sum", "_bucket", "_ms", "_milliseconds", "_mb"))
        assert family.documentation
        assert family.type in {"counter", "gauge", "histogram"}
    assert "_created" not in known.client.get("/metrics").text


def pester(server: Process, rooster: bytes, names: range) -> None:
    """Ask for what there is not, in ever other words."""
    client = server.client
    for i in names:
        client.get(f"/stranger/{i}")
        client.get(f"/v2/models/stranger-{i}/versions/{i}/ready")
        client.request("PROPFIND", f"/v1/classify?x={i}")
        client.delete(f"/v1/model/{i}")
        server.classify(rooster, f"?top_k={i}&x{i}=1", {"content-type": f"stranger/{i}", "x-request-id": f"s{i}"})


def test_a_stranger_cannot_make_labels(server: Process, rooster: bytes) -> None:
    pester(server, rooster, range(5))
    before = scraped(server)
    pester(server, rooster, range(5, 30))
    after = scraped(server)
    labels = {name: [(s.name, s.labels) for s in family.samples] for name, family in after.items()}
    assert labels == {name: [(s.name, s.labels) for s in family.samples] for name, family in before.items()}
    assert not any("stranger" in word for each in labels.values() for _, words in each for word in words.values())
    assert {words["code"] for _, words in labels["earshot_requests"]} <= {*KINDS, "ok", "departed"}


def test_what_there_is_to_do_is_told_as_the_batcher_tells_it() -> None:
    load = Load(waiting=5, oldest_age_s=1.5, unfinished=7, engines=4, engines_at_work=3)
    batcher = SimpleNamespace(load=load, restarts=2, predicted_seconds=lambda windows: windows * 0.25)
    current = SimpleNamespace(batcher=batcher, hearing=SimpleNamespace(pending=6))
    service = SimpleNamespace(is_ready=False, in_flight=9, uploads=SimpleNamespace(held=1000), current=current)
    metrics = Metrics()
    metrics.watch(cast("Service", service))
    wanted = {
        "ready": 0, "in_flight": 9, "upload_bytes": 1000, "queue_windows": 5, "queue_age_seconds": 1.5, "engines": 4,
        "engines_at_work": 3, "engine_restarts_total": 2, "decoding": 6, "predicted_wait_seconds": 0.25,
    }  # fmt: skip
    assert {name: metrics.registry.get_sample_value(f"earshot_{name}") for name in wanted} == wanted


def test_a_model_that_is_replaced_leaves_no_line_behind() -> None:
    metrics = Metrics()
    for version in ("1", "2"):
        facts = EngineFacts("onnx", "1.31", "int8", "cpu", "model.onnx", "0" * 64)
        model = SimpleNamespace(name="m", version=version)
        metrics.engine(cast("Serving", SimpleNamespace(model=model, batcher=SimpleNamespace(facts=facts))))
    (family,) = [each for each in metrics.registry.collect() if each.name == "earshot_engine_info"]
    assert [sample.labels["version"] for sample in family.samples] == ["2"]
