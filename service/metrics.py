"""What Prometheus reads. Every number about a request comes from its trace, so that no two places disagree."""

from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.serving import Service, Serving

STAGE_BUCKETS = (
    0.0005,
    0.001,
    0.002,
    0.004,
    0.008,
    0.016,
    0.032,
    0.064,
    0.128,
    0.256,
    0.512,
    1.024,
    2.048,
    4.096,
    8.192,
)
"""Seconds, doubling: from a decoded WAV to a full queue."""

BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)

REFUSALS = frozenset({"overloaded", "draining", "deadline_exceeded", "unavailable"})
"""Codes of requests that nothing was wrong with."""

STAGES = ("decode", "queue", "engine", "total")

disable_created_metrics()  # type: ignore[no-untyped-call]  # second lines that Prometheus itself does not use


NO_ROUTE = "other"
"""What was refused before, or because, it led nowhere."""


class Metrics:
    """Counters of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ours: Any = {"registry": self.registry}
        ProcessCollector(**ours)
        PlatformCollector(**ours)
        self._requests = Counter(
            "earshot_requests", "Requests by route, status and problem code", ["route", "status", "code"], **ours
        )
        self._stages = Histogram(
            "earshot_stage_seconds",
            "Time by stage: decode, queue, engine; total of requests that were answered",
            ["stage"],
            buckets=STAGE_BUCKETS,
            **ours,
        )
        self._batches = Histogram("earshot_batch_size", "Windows per batch", buckets=BATCH_BUCKETS, **ours)
        self._engine_seconds = Counter("earshot_engine_busy_seconds", "Time that engines spent on batches", **ours)
        self._audio = Counter("earshot_audio_seconds", "Seconds of sound that were answered", **ours)
        self._windows = Counter("earshot_windows", "Windows that were answered", **ours)
        self._bytes = Counter("earshot_body_bytes", "Bytes of bodies that were received whole", **ours)
        self._rejected = Counter("earshot_rejected", "Good requests that were refused", ["code"], **ours)
        self._failed = Counter("earshot_failed", "Requests that failed by a fault of the service", **ours)
        self._departed = Counter("earshot_departed", "Requests whose client left before the answer", **ours)
        self._info = Gauge(
            "earshot_engine_info",
            "What runs the model",
            ["model", "version", "engine", "precision", "device", "sha256"],
            **ours,
        )
        self._streams = Gauge("earshot_streams", "Live streams that are open", **ours)
        self._streams_ended = Counter("earshot_streams_ended", "Live streams by why they ended", ["reason"], **ours)
        self._hops = Counter("earshot_stream_hops", "Hops of live streams by what became of them", ["end"], **ours)
        self._latency = Histogram(
            "earshot_stream_latency_seconds", "From a hop's last sample to its answer", buckets=STAGE_BUCKETS, **ours
        )
        self._stage = {name: self._stages.labels(name) for name in STAGES}
        self._refused = {code: self._rejected.labels(code) for code in REFUSALS}  # a rate needs a zero to begin at

    def watch(self, service: "Service") -> None:
        """Gauges are read when they are asked for."""
        self.registry.register(_Gauges(service))

    def batch(self, size: int, seconds: float) -> None:
        """An engine ran a batch."""
        self._batches.observe(size)
        self._engine_seconds.inc(seconds)

    def departed(self) -> None:
        """A client left before its answer."""
        self._departed.inc()

    def request(self, trace: Trace) -> None:
        """A request ended."""
        self._counted(trace.route, trace.status, trace.code)
        if trace.code == "internal":
            self._failed.inc()
        self._bytes.inc(trace.body_bytes)
        stages = (("decode", trace.decode_s), ("queue", trace.queue_s), ("engine", trace.engine_s))
        for name, seconds in stages:
            if seconds is not None:
                self._stage[name].observe(seconds)
        if trace.windows:
            self._stage["total"].observe(trace.total_s)
            self._windows.inc(trace.windows)
            self._audio.inc(trace.audio_s)

    def refused(self, code: str, status: int, route: str = NO_ROUTE) -> None:
        """A connection was refused before there was a request, or a request by its head."""
        self._counted(route, status, code)

    def _counted(self, route: str, status: int, code: str) -> None:
        self._requests.labels(route, str(status), code).inc()
        if code in REFUSALS:
            self._refused[code].inc()

    def streams(self, count: int) -> None:
        """So many live streams are open."""
        self._streams.set(count)

    def stream_ended(self, reason: str) -> None:
        """A live stream is over, or was refused."""
        self._streams_ended.labels(reason).inc()

    def hop_answered(self, latency_s: float) -> None:
        """A hop of a live stream got its prediction."""
        self._hops.labels("answered").inc()
        self._latency.observe(latency_s)

    def hop_refused(self) -> None:
        """A hop got a problem."""
        self._hops.labels("refused").inc()

    def hop_skipped(self) -> None:
        """A hop had to wait until a newer one took its place."""
        self._hops.labels("skipped").inc()

    def engine(self, serving: "Serving") -> None:
        """Another model or engine is at work."""
        facts, model = serving.batcher.facts, serving.model
        self._info.clear()
        self._info.labels(
            model.name, model.version, f"{facts.name} {facts.version}", facts.precision, facts.device, facts.sha256
        ).set(1)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)


class _Gauges(Collector):
    """What there is to do at this moment."""

    def __init__(self, service: "Service") -> None:
        self._service = service

    def collect(self) -> "Iterator[Metric]":
        service, serving = self._service, self._service.current
        yield GaugeMetricFamily("earshot_ready", "Whether requests are taken", float(service.is_ready))
        yield GaugeMetricFamily(
            "earshot_in_flight", "Requests that are not answered yet; this one is among them", service.in_flight
        )
        yield GaugeMetricFamily("earshot_upload_bytes", "Bytes of bodies held in memory", service.uploads.held)
        if serving is None:
            return
        load = serving.batcher.load
        yield GaugeMetricFamily("earshot_queue_windows", "Windows that wait for an engine", load.waiting)
        yield GaugeMetricFamily(
            "earshot_queue_age_seconds", "How long the first of them has waited", load.oldest_age_s
        )
        yield GaugeMetricFamily("earshot_engines", "Engines that there should be", load.engines)
        yield GaugeMetricFamily("earshot_engines_at_work", "Engines that there are", load.engines_at_work)
        yield CounterMetricFamily(
            "earshot_engine_restarts", "Engines that died or hung and were replaced", serving.batcher.restarts
        )
        yield GaugeMetricFamily("earshot_decoding", "Sounds that are decoded or wait for it", serving.hearing.pending)
        yield GaugeMetricFamily(
            "earshot_predicted_wait_seconds", "Until a request that came now would be answered",
            serving.batcher.predicted_seconds(1),
        )  # fmt: skip
