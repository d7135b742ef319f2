"""One request's numbers, as everybody who tells them gets them."""

import time

import numpy as np
import pytest

from service.jobs import End, Job
from service.trace import Trace


def job(**known: float) -> Job:
    """As the line leaves it at its end."""
    made = Job([np.zeros(1, np.float32)], deadline=1e9)
    for name, point in known.items():
        setattr(made, name, point)
    return made


def test_what_was_answered_has_all_stages() -> None:
    trace = Trace("id", decode_s=0.001)
    done = job(submitted=10.0, started=10.25, finished=10.75, batch_size=3)
    done.end = End.ANSWERED
    trace.of_job(done)
    assert (trace.queue_start, trace.queue_s, trace.engine_s, trace.batch_size) == (10.0, 0.25, 0.5, 3)
    assert trace.server_timing() == "decode;dur=1.0, queue;dur=250.0, engine;dur=500.0"


def test_what_ended_in_the_queue_has_waited_until_its_end() -> None:
    trace = Trace("id")
    lost = job(submitted=10.0, finished=10.5)
    lost.end = End.EXPIRED
    trace.of_job(lost)
    assert (trace.queue_s, trace.engine_s) == (0.5, None)


def test_what_never_joined_the_queue_has_no_time_in_it() -> None:
    trace = Trace("id")
    trace.of_job(job())
    assert (trace.queue_start, trace.queue_s) == (None, None)
    assert not trace.server_timing()


def test_the_total_stands_still_at_the_end() -> None:
    trace = Trace("id")
    first = trace.total_s
    assert trace.total_s > first
    trace.finish()
    assert trace.end is not None
    assert trace.total_s == trace.total_s == pytest.approx(trace.end - trace.start)
    assert trace.start <= trace.end <= time.monotonic()


def test_the_headers_of_a_stranger_are_not_shown() -> None:
    assert "hunter2" not in repr(Trace("id", "GET", {"authorization": "Bearer hunter2"}))
