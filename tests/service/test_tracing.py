"""Spans as a real collector gets them from a real process."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from contract.errors import EarshotError
from service.settings import Settings
from service.tracing import open_tracing
from tests.service.collector import SERVER, Collector, attributes, collecting
from tests.service.process import WAV, Process, running
from tests.service.scrape import scraped, value

ROOT = Path(__file__).parents[2]
AT_ONCE = {"OTEL_BSP_SCHEDULE_DELAY": "20"}
NEVER = {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00"


class Traced(NamedTuple):
    """A service and the collector of its spans."""

    server: Process
    collector: Collector

    def classify(self, body: bytes, request_id: str, **headers: str) -> tuple[Span, dict[str, Span]]:
        """POST a sound; the span of it, and those below it."""
        self.server.classify(body, headers=WAV | {"x-request-id": request_id} | headers)
        span = self.collector.request(request_id)
        return span, self.collector.below(span)


@pytest.fixture(scope="module")
def traced() -> Iterator[Traced]:
    """A service whose spans can be had at once."""
    with collecting() as collector:
        flags = ("--bundle", "esc10-resnet", "--otlp-endpoint", f"{collector.url}/v1/traces")
        with running(*flags, env=AT_ONCE) as server:
            yield Traced(server, collector)


def milliseconds(span: Span) -> float:
    return round((span.end_time_unix_nano - span.start_time_unix_nano) / 1e6, 3)


def test_headers_answer_spans_log_and_histograms_tell_the_same_numbers(rooster: bytes) -> None:
    with collecting() as collector:
        flags = ("--bundle", "esc10-resnet", "--otlp-endpoint", collector.url)
        with running(*flags, env=AT_ONCE) as server:
            answer = server.classify(rooster, headers=WAV | {"x-request-id": "one"})
            span = collector.request("one")
            below, families = collector.below(span), scraped(server)
            (line,) = [json.loads(each) for each in server.lines if '"request_id": "one"' in each]
    header = {name: float(ms) for name, ms in re.findall(r"(\w+);dur=([\d.]+)", answer.headers["server-timing"])}
    stages = {"decode", "queue", "engine"}
    assert header.keys() == below.keys() == stages
    assert {name: milliseconds(below[name]) for name in stages} == pytest.approx(header, abs=0.0011)  # ns, rounded
    assert {name: answer.json()["timings"][f"{name}_ms"] for name in stages} == header
    assert {name: line[f"{name}_ms"] for name in stages} == header
    sums = {name: value(families, "earshot_stage_seconds_sum", stage=name) * 1000 for name in stages | {"total"}}
    assert {name: round(sums[name], 3) for name in stages} == header
    assert line["total_ms"] == round(sums["total"], 3) == pytest.approx(milliseconds(span), abs=0.0011)
    size = attributes(span.attributes)["earshot.batch_size"]
    assert size == line["batch_size"] == answer.json()["timings"]["batch_size"]
    assert str(size) == answer.headers["x-earshot-batch-size"]
    assert line["trace_id"] == span.trace_id.hex()


def test_a_request_is_one_server_span_with_its_stages_below(traced: Traced, rooster: bytes) -> None:
    span, below = traced.classify(rooster, "alone")
    assert (span.name, span.kind) == ("POST /v1/classify", SERVER)
    assert not span.parent_span_id
    assert {each.trace_id for each in below.values()} == {span.trace_id}
    assert list(below) == ["decode", "queue", "engine"]
    points = [span.start_time_unix_nano]
    for each in below.values():
        points += [each.start_time_unix_nano, each.end_time_unix_nano]
    points.append(span.end_time_unix_nano)
    assert points == sorted(points)
    assert abs(span.start_time_unix_nano / 1e9 - time.time()) < 60


def test_a_span_says_what_was_asked_and_what_answered(traced: Traced, rooster: bytes) -> None:
    span, _ = traced.classify(rooster, "said")
    model = traced.server.client.get("/v1/model").json()
    assert attributes(span.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/classify",
        "http.response.status_code": 200,
        "http.request.body.size": len(rooster),
        "earshot.request_id": "said",
        "earshot.code": "ok",
        "earshot.windows": 1,
        "earshot.audio_seconds": 5.0,
        "earshot.batch_size": 1,
        "earshot.model.name": model["name"],
        "earshot.model.version": model["version"],
        "earshot.model.sha256": model["engine"]["sha256"],
        "earshot.engine": model["engine"]["name"],
        "earshot.precision": model["engine"]["precision"],
    }
    assert attributes_of_the_resource(traced)["service.name"] == "earshot"


def attributes_of_the_resource(traced: Traced) -> dict[str, object]:
    found: dict[str, object] = traced.collector.resources[-1]
    return found


def test_a_request_goes_on_with_the_trace_that_it_came_with(traced: Traced, rooster: bytes) -> None:
    span, _ = traced.classify(rooster, "child", traceparent=PARENT, tracestate="them=1")
    _, trace_id, parent_id, _ = PARENT.split("-")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (trace_id, parent_id)
    assert span.trace_state == "them=1"


@pytest.mark.parametrize("broken", ["", "00-zz-zz-01", PARENT.replace("0af", "xyz"), "0" * 5000])
def test_a_broken_parent_is_none(traced: Traced, rooster: bytes, broken: str) -> None:
    span, _ = traced.classify(rooster, f"orphan-{len(broken)}-{broken[3:6]}", traceparent=broken)
    assert not span.parent_span_id


def test_what_the_caller_does_not_trace_is_not_traced(traced: Traced, rooster: bytes) -> None:
    traced.server.classify(rooster, headers=WAV | {"x-request-id": "unsampled", "traceparent": UNSAMPLED})
    traced.classify(rooster, "after-the-unsampled")
    with pytest.raises(AssertionError, match="no span of unsampled"):
        traced.collector.request("unsampled", seconds=0.1)


def test_probes_get_no_spans(traced: Traced, rooster: bytes) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        traced.server.client.get(path, headers={"x-request-id": f"probe-{path[1:]}"})
    traced.classify(rooster, "after-the-probes")
    assert not [span.name for span in traced.collector.spans if re.search("healthz|readyz|metrics", span.name)]


def test_a_clients_mistake_is_told_but_no_error_of_the_service(traced: Traced) -> None:
    span, below = traced.classify(b"no sound", "bad")
    told = attributes(span.attributes)
    assert (told["http.response.status_code"], told["earshot.code"]) == (422, "undecodable_audio")
    assert "error.type" not in told
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert below == {}


def test_no_header_of_the_request_but_its_id_gets_into_a_span(traced: Traced, rooster: bytes) -> None:
    span, _ = traced.classify(rooster, "keyed", authorization="Bearer hunter2", **{"x-api-key": "hunter2"})
    assert b"hunter2" not in span.SerializeToString()


def test_the_environment_may_name_the_service(rooster: bytes) -> None:
    env = AT_ONCE | {"OTEL_SERVICE_NAME": "ears", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test"}
    with collecting() as collector:
        with running("--bundle", "esc10-resnet", env=env | {"EARSHOT_OTLP_ENDPOINT": collector.url}) as server:
            traced = Traced(server, collector)
            traced.classify(rooster, "named")
        told = attributes_of_the_resource(traced)
    assert (told["service.name"], told["deployment.environment"]) == ("ears", "test")
    assert collector.paths == ["/v1/traces"]


def test_what_was_not_sent_yet_is_sent_at_the_end(rooster: bytes) -> None:
    with collecting() as collector:
        flags = ("--bundle", "esc10-resnet", "--otlp-endpoint", collector.url)
        with running(*flags, env=NEVER) as server:
            server.classify(rooster, headers=WAV | {"x-request-id": "the-last"})
            assert collector.spans == []
            server.terminate()
            assert server.wait() == 0
        assert collector.request("the-last", seconds=1)


def test_a_collector_that_is_not_there_harms_nobody(rooster: bytes) -> None:
    with running("--bundle", "esc10-resnet", "--otlp-endpoint", "http://127.0.0.1:9/v1/traces", env=NEVER) as server:
        assert server.classify(rooster).status_code == 200
        start = time.monotonic()
        server.terminate()
        assert server.wait() == 0
        assert time.monotonic() - start < 6


def serve_without(module: str, *flags: str) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        f"sys.argv = ['earshot', 'serve', '--port', '0', *{flags!r}]\nimport cli; cli.main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def test_without_the_extra_the_service_does_not_start_and_says_what_to_install() -> None:
    result = serve_without("opentelemetry.sdk", "--otlp-endpoint", "http://127.0.0.1:4318")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "error: --otlp-endpoint needs OpenTelemetry, which is not installed: pip install -e '.[otel]'"
    )


def test_nothing_of_it_is_loaded_where_nobody_wants_spans() -> None:
    code = (
        "import sys\n"
        "from service.app import create_app\n"
        "from service.settings import Settings\n"
        "create_app(Settings())\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("wrong", ["collector:4318", "grpc://collector:4317", "http://", "/v1/traces"])
def test_what_is_no_url_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(EarshotError, match=r"as in http://collector:4318/v1/traces"):
        open_tracing(Settings(otlp_endpoint=wrong))
