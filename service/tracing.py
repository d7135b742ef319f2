"""OpenTelemetry: each request as a span with its stages below it, made of its trace after it has ended.

Nothing is measured here, and nothing of this is loaded unless there is a place to send spans to. Probes of health and
metrics get none. What the SDK reads from the environment (`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`,
`OTEL_EXPORTER_OTLP_HEADERS`, …) goes for these spans too.
"""

import asyncio
import time
from collections.abc import Iterator
from importlib.metadata import version
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from contract.errors import EarshotError
from service.logs import QUIET_ROUTES
from service.settings import Settings
from service.trace import Trace

SIGNAL_PATH = "/v1/traces"
"""Where a collector takes spans, if the setting names only the collector."""

FLUSH_S = 3.0
"""A collector that does not answer must not hold up the end of the process for longer."""

SERVER_ERROR = 500
NANOSECONDS = 1e9


def open_tracing(settings: Settings) -> "Tracing | None":
    """What makes spans, or None where nobody wants any."""
    return Tracing(_endpoint(settings.otlp_endpoint)) if settings.otlp_endpoint else None


class Tracing:
    """Makes spans and has them sent, by a thread of its own."""

    def __init__(self, endpoint: str) -> None:
        """Nothing is sent yet, so a collector may come later."""
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as error:
            raise EarshotError(
                "--otlp-endpoint needs OpenTelemetry, which is not installed: pip install -e '.[otel]'"
            ) from error
        ours = Resource.create({"service.name": "earshot", "service.version": version("earshot")})
        resource = ours.merge(OTELResourceDetector().detect())  # whoever runs it may call it otherwise
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("earshot")
        self._propagator = TraceContextTextMapPropagator()

    def request(self, trace: Trace) -> None:
        """A request ended."""
        if trace.route in QUIET_ROUTES:
            return
        from opentelemetry.trace import SpanKind, Status, StatusCode, format_trace_id, set_span_in_context

        epoch = time.time_ns() - time.monotonic_ns()  # from the clock of the trace to the one on the wall
        start = epoch + _ns(trace.start)
        span = self._tracer.start_span(
            f"{trace.method} {trace.route}",
            self._propagator.extract(trace.headers),
            SpanKind.SERVER,
            dict(_attributes(trace)),
            start_time=start,
        )
        trace.trace_id = format_trace_id(span.get_span_context().trace_id)
        inside = set_span_in_context(span)
        for name, begun, seconds in _stages(trace):
            stage = self._tracer.start_span(name, inside, start_time=epoch + _ns(begun))
            stage.end(epoch + _ns(begun) + _ns(seconds))
        if trace.status >= SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR, trace.code))
        span.end(start + _ns(trace.total_s))

    async def close(self) -> None:
        """Send what is left, if that can be done soon."""
        sending = Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, FLUSH_S)


def _attributes(trace: Trace) -> Iterator[tuple[str, Any]]:
    yield "http.request.method", trace.method
    yield "http.route", trace.route
    yield "http.response.status_code", trace.status
    yield "earshot.request_id", trace.request_id
    yield "earshot.code", trace.code
    if trace.status >= SERVER_ERROR:
        yield "error.type", trace.code
    if trace.body_bytes:
        yield "http.request.body.size", trace.body_bytes
    if trace.windows:
        yield "earshot.windows", trace.windows
        yield "earshot.audio_seconds", trace.audio_s
    if trace.batch_size:
        yield "earshot.batch_size", trace.batch_size
    if trace.key:
        yield "earshot.key", trace.key
    if trace.model:
        for name in ("name", "version", "sha256"):
            yield f"earshot.model.{name}", trace.model[name]
        yield "earshot.engine", trace.model["engine"]
        yield "earshot.precision", trace.model["precision"]


def _stages(trace: Trace) -> Iterator[tuple[str, float, float]]:
    """Name, start and seconds. What was decoded is queued at once, so the one ends where the other begins."""
    if trace.decode_s is not None:
        decoded = trace.queue_start or trace.start + trace.total_s
        yield "decode", decoded - trace.decode_s, trace.decode_s
    if trace.queue_start is not None and trace.queue_s is not None:
        yield "queue", trace.queue_start, trace.queue_s
        if trace.engine_s is not None:
            yield "engine", trace.queue_start + trace.queue_s, trace.engine_s


def _ns(seconds: float) -> int:
    return round(seconds * NANOSECONDS)


def _endpoint(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise EarshotError(f"--otlp-endpoint {given}: a URL is wanted, as in http://collector:4318/v1/traces")
    return given if parts.path.strip("/") else f"{given.rstrip('/')}{SIGNAL_PATH}"
