"""A service and the bare engine on the same cores, loaded and charged in turn."""

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
from benchmarks.processes import Cpus, processes_of, rss_bytes, sampled
from benchmarks.raw import RawEngine, RawOrder
from benchmarks.served import Served
from benchmarks.subject import Subject
from benchmarks.wire import CLASSIFY, HOST, post
from contract.errors import EarshotError

LOOK_S = 0.05
"""Between two looks at the memory of a service that is overloaded."""

_MB = 1e6


class Bench:
    """Both of them, ready; the client runs on cores of its own, or on the same."""

    def __init__(self, subject: Subject, server: Cpus, client: Cpus, raw_s: float) -> None:
        """Start the service, ask it what it runs, and start the bare engine with the same graph."""
        self._raw_s = raw_s
        with ExitStack() as stack:
            self.served = stack.enter_context(Served(subject.serve_flags, server))
            self.served.wait_until_ready()
            self._meter = Meter(self.served, server, client)
            order = raw_order(subject, self.served.model_facts(), len(server))
            self._engine = stack.enter_context(RawEngine(order, server))
            self.requests = requests_for(subject.bodies, self._engine.labels)
            self._raw = self._engine.measure(raw_s)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End both."""
        self._stack.__exit__(kind, error, trace)

    def closed(self, name: str, connections: int, seconds: float) -> Level:
        """As many requests as are answered over so many connections."""
        port, requests = self.served.port, self.requests
        answers, costs = self._charged(lambda: closed_loop(port, requests, connections, seconds))
        return Level(name, connections, None, **figures(answers, seconds), **costs)

    def opened(self, name: str, rate: float, seconds: float) -> Level:
        """So many requests per second, whether or not they are answered."""
        port, requests = self.served.port, self.requests
        before = self.served.memory().rss_bytes / _MB
        pids = processes_of(self.served.session)
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
        return answers, {"raw": before.mean_with(self._raw), **asdict(cost)}


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
