"""Puts verdicts into the words of the HTTP contract."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.hearing import Sound
from service.judge import Row, Verdict
from service.model import ServedModel
from service.schemas import AudioFacts, Classification, Novelty, Prediction, Stretch, Timings
from service.serving import Serving
from service.trace import Trace, milliseconds
from service.windows import Window

DIGITS = 6
"""Of a confidence: more would pretend to know."""


class Asked(NamedTuple):
    """What the client wants to be told."""

    top_k: int
    among: NDArray[np.intp] | None = None


def classification(
    asked: Asked, serving: Serving, sound: Sound, windows: list[Window], rows: list[Row], trace: Trace
) -> Classification:
    """The whole answer. Built without validation: every part of it is ours."""
    model = serving.model
    verdict = serving.judge.verdict(rows, asked.top_k, asked.among)
    return Classification(
        predictions=predictions(model, verdict),
        uncertain=verdict.uncertain,
        novelty=_novelty(model, verdict),
        timeline=_timeline(asked, serving, windows, rows) if len(windows) > 1 else [],
        audio=AudioFacts(
            format=sound.info.format,
            codec=sound.info.codec,
            sample_rate=sound.info.sample_rate,
            channels=sound.info.channels,
            duration_s=round(sound.waveform.size / model.sample_rate, 3),
            windows=len(windows),
        ),
        timings=timings(trace),
        model=serving.used,
        request_id=trace.request_id,
    )


def predictions(model: ServedModel, verdict: Verdict) -> list[Prediction]:
    """With labels."""
    return named(model.labels, verdict.best)


def named(labels: Sequence[str], best: Sequence[tuple[int, float]]) -> list[Prediction]:
    """Classes and confidences as they are told."""
    return [
        Prediction(label=labels[index], index=index, confidence=round(confidence, DIGITS))
        for index, confidence in best
    ]


def timings(trace: Trace) -> Timings:
    """In milliseconds."""
    return Timings(
        decode_ms=milliseconds(trace.decode_s),
        queue_ms=milliseconds(trace.queue_s),
        engine_ms=milliseconds(trace.engine_s),
        total_ms=milliseconds(trace.total_s),
        batch_size=trace.batch_size,
    )


def _novelty(model: ServedModel, verdict: Verdict) -> Novelty | None:
    if verdict.novelty is None or model.novelty_threshold is None:
        return None
    return Novelty(
        score=round(verdict.novelty, DIGITS),
        threshold=round(model.novelty_threshold, DIGITS),
        unlike_training=bool(verdict.unlike_training),
    )


def _timeline(asked: Asked, serving: Serving, windows: list[Window], rows: list[Row]) -> list[Stretch]:
    rate = serving.model.sample_rate
    verdicts = [serving.judge.verdict([row], asked.top_k, asked.among) for row in rows]
    return [
        Stretch(
            start_s=round(window.start / rate, 3),
            end_s=round(window.end / rate, 3),
            predictions=predictions(serving.model, verdict),
            uncertain=verdict.uncertain,
            novelty=None if verdict.novelty is None else round(verdict.novelty, DIGITS),
        )
        for window, verdict in zip(windows, verdicts, strict=True)
    ]
