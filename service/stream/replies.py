"""Puts what the service knows into the messages of a live stream."""

import json
import time

from service.answers import DIGITS, predictions
from service.jobs import Job
from service.problems import ProblemError, problem_body
from service.serving import Serving
from service.stream.lane import Due
from service.stream.messages import Ended, Heard, Ready, Trouble
from service.stream.session import Session
from service.stream.smoothing import Smoothing
from service.trace import milliseconds

_TIME_DIGITS = 3
"""Of seconds."""


def ready(serving: Serving, session: Session, request_id: str, idle_s: float) -> Ready:
    """The stream is open."""
    model = serving.model
    return Ready(
        type="ready",
        request_id=request_id,
        model=serving.used,
        sample_rate=model.sample_rate,
        window_s=model.window_s,
        hop_s=session.hop_samples / model.sample_rate,
        idle_s=idle_s,
    )


def heard(serving: Serving, smoothing: Smoothing, top_k: int, due: Due, job: Job, skipped: int) -> Heard:
    """A hop that was answered."""
    row, hop, rate = job.rows[0], due.hop, serving.model.sample_rate
    mean = smoothing.mix(row.probabilities, hop.number, serving.batcher.facts.sha256)
    verdict = serving.judge.verdict([row._replace(probabilities=mean)], top_k)
    return Heard(
        type="prediction",
        hop=hop.number,
        start_s=round(hop.start / rate, _TIME_DIGITS),
        end_s=round(hop.end / rate, _TIME_DIGITS),
        predictions=predictions(serving.model, verdict),
        uncertain=verdict.uncertain,
        novelty=None if verdict.novelty is None else round(verdict.novelty, DIGITS),
        unlike_training=verdict.unlike_training,
        skipped=skipped,
        latency_ms=milliseconds(time.monotonic() - due.since),
        queue_ms=milliseconds(job.queue_seconds),
        engine_ms=milliseconds(job.engine_seconds),
        batch_size=job.batch_size,
        model=serving.used,
    )


def trouble(problem: ProblemError, request_id: str) -> Trouble:
    """What ends the stream."""
    told: Trouble = json.loads(problem_body(problem, request_id))
    told["type"] = "problem"
    return told


def trouble_at(due: Due, sample_rate: int, problem: ProblemError, request_id: str) -> Trouble:
    """A hop that was not answered."""
    told = trouble(problem, request_id)
    told["start_s"] = round(due.hop.start / sample_rate, _TIME_DIGITS)
    told["end_s"] = round(due.hop.end / sample_rate, _TIME_DIGITS)
    return told


def ended(reason: str, hops: int, skipped: int, heard_s: float) -> Ended:
    """The end of a stream that ends in order."""
    return Ended(type="end", reason=reason, hops=hops, skipped=skipped, heard_s=round(heard_s, _TIME_DIGITS))
