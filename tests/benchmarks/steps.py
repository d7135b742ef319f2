"""Figures of a rate that was never offered."""

import numpy as np

from benchmarks.rates.ladder import Step


def step(rate: float, p99_ms: float = 20.0, *, urgent: bool = False, answers: int = 100) -> Step:
    """Of a service that answers 100 per second."""
    done = min(rate, 100.0)
    return Step(
        offered_per_s=rate, urgent=urgent, due_per_s=rate, answered_per_s=done, in_time_per_s=done,
        refused_per_s=rate - done, counted=round(rate), punctual=round(done),
        p50_ms=p99_ms / 2, p95_ms=p99_ms, p99_ms=p99_ms, refused_p99_ms=3.0, client_lag_ms=1.0,
        server_cpu_ms=9.0, foreign_cores=0.0, requests=answers, codes={"ok": answers},
        latency_ms=np.linspace(0, p99_ms, answers),
    )  # fmt: skip
