"""A collector of OpenTelemetry traces, to look at what a service really sends."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SERVER = Span.SpanKind.SPAN_KIND_SERVER


class Collector:
    """Takes spans over HTTP and keeps them."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []
        self.paths: list[str] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                for each in ExportTraceServiceRequest.FromString(body).resource_spans:
                    collector.resources.append(attributes(each.resource.attributes))
                    collector.spans.extend(span for scope in each.scope_spans for span in scope.spans)
                collector.paths.append(self.path)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def request(self, request_id: str, seconds: float = 10) -> Span:
        """The span of the request with this id, as soon as it has come."""
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            for span in self.spans:
                if attributes(span.attributes).get("earshot.request_id") == request_id:
                    return span
            time.sleep(0.01)
        raise AssertionError(f"there is no span of {request_id}, but {len(self.spans)} others")

    def below(self, parent: Span) -> dict[str, Span]:
        """Its children, by name."""
        return {span.name: span for span in self.spans if span.parent_span_id == parent.span_id}

    def close(self) -> None:
        """Take nothing any more."""
        self._server.shutdown()
        self._server.server_close()


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """By name."""
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector, gone afterwards."""
    collector = Collector()
    try:
        yield collector
    finally:
        collector.close()
