"""A server and the bare engine on the same cores, loaded and charged in turn."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from benchmarks.answers import Answers
from benchmarks.cost import Load, Meter
from benchmarks.levels import WARM_SHARE, Level, MemoryUnderLoad, Refusals, figures
from benchmarks.load import Request, closed_loop, open_loop
from benchmarks.processes import Cpus, rss_bytes, sampled
from benchmarks.raw import RawEngine, RawOrder
from benchmarks.served import Served
from benchmarks.server import Server
from benchmarks.subject import Subject
from benchmarks.wire import CLASSIFY, HOST, post
from contract.errors import EarshotError

LOOK_S = 0.05
"""Between two looks at the memory of a service that is overloaded."""

_MB = 1e6


class Gauge:
    """Loads a server that runs, and says what that came to beside the bare engine, before and after."""

    def __init__(
        self, served: Server, engine: RawEngine, requests: Sequence[Request], server: Cpus, client: Cpus, raw_s: float
    ) -> None:
        """The client runs on cores of its own, or on the server's."""
        self.served, self.requests = served, requests
        self._engine, self._raw_s, self._meter = engine, raw_s, Meter(served, server, client)
        self._raw = engine.measure(raw_s)

    def warm_up(self, connections: int, seconds: float) -> None:
        """The same load as the next one, of which nothing is kept."""
        port, requests = self.served.port, self.requests
        self._meter.charged(lambda: closed_loop(port, requests, connections, seconds))
        self.served.wait_until_calm()

    def closed(self, name: str, connections: int, seconds: float) -> Level:
        """As many requests as are answered over so many connections."""
        port, requests = self.served.port, self.requests
        answers, costs = self._charged(lambda: closed_loop(port, requests, connections, seconds))
        return Level(name, connections, None, **figures(answers, seconds), **costs)

    def opened(self, name: str, rate: float, seconds: float) -> Level:
        """So many requests per second, whether or not they are answered."""
        port, requests = self.served.port, self.requests
        before = self.served.memory().rss_bytes / _MB
        pids = self.served.processes()
        with sampled(lambda: rss_bytes(pids) / _MB, LOOK_S, time.perf_counter) as samples:
            answers, costs = self._charged(lambda: open_loop(port, requests, rate, seconds))
        warm = seconds * WARM_SHARE
        held = [value for moment, value in samples if warm <= moment - answers.begun < seconds]
        return Level(
            name, None, rate, **figures(answers, seconds), **costs,
            refusals=Refusals.of(answers.due_between(warm, seconds)), memory=MemoryUnderLoad.of(before, held),
        )  # fmt: skip

    def _charged(self, made: Load) -> tuple[Answers, dict[str, Any]]:
        """Run a load: its answers and what it cost the service, with the bare engine before and after."""
        answers, cost = self._meter.charged(made)
        self.served.wait_until_calm()
        before, self._raw = self._raw, self._engine.measure(self._raw_s)
        drift = before.drift_to(self._raw)
        return answers, {"raw": before.mean_with(self._raw), "raw_drift": drift, **asdict(cost)}


class Bench(Gauge):
    """The service and the bare engine with the same graph, both started here."""

    def __init__(self, subject: Subject, server: Cpus, client: Cpus, raw_s: float) -> None:
        """Start the service, ask it what it runs, and start the bare engine with that."""
        with ExitStack() as stack:
            served = stack.enter_context(Served(subject.serve_flags, server))
            served.wait_until_ready()
            order = raw_order(subject, served.model_facts(), len(server))
            engine = stack.enter_context(RawEngine(order, server))
            super().__init__(served, engine, requests_for(subject.bodies, engine.labels), server, client, raw_s)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End both."""
        self._stack.__exit__(kind, error, trace)


def requests_for(
    bodies: Sequence[bytes], labels: Sequence[str], path: str = CLASSIFY, host: str = HOST
) -> list[Request]:
    """Each clip with the label that the bare engine gives it."""
    return [Request(post(body, path=path, host=host), label) for body, label in zip(bodies, labels, strict=True)]


def raw_order(subject: Subject, facts: dict[str, Any], threads: int) -> RawOrder:
    """The bare engine for what the service says that it runs."""
    engine = facts["engine"]
    if (engine["name"], engine["device"]) != ("onnx", "cpu"):
        raise EarshotError(
            f"the service runs {engine['name']} on {engine['device']}, but is measured against ONNX Runtime on the "
            "CPU: add --flags '--device cpu'"
        )
    clips = None if subject.clips is None else str(subject.clips.resolve())
    return RawOrder(
        subject.model_settings, engine["precision"], engine["max_batch"], threads, clips, subject.clip_rate
    )
