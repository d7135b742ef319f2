"""Answers: what a client is told of a sound, in whichever way its model knows it."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from contract.audio import AudioInfo
from service.answers import Asked, classification
from service.batcher import Batcher
from service.engines.base import EngineFacts, Outputs
from service.hearing import Hearing, Sound
from service.judge import Judge, Row
from service.model import ServedModel
from service.schemas import Classification
from service.serving import Serving
from service.trace import Trace
from service.windows import Window, windows_of

RATE, WINDOW = 100, 500
ALL = Asked(5)
FACTS = EngineFacts("onnx", "1.0", "int8", "cpu", "model.int8.onnx", "f" * 64)


def model(reject_below: float | None = None, novelty_threshold: float | None = None) -> ServedModel:
    return ServedModel(
        name="mine", version="2.1.0", labels=("dog", "rain", "wind"), sample_rate=RATE, window_samples=WINDOW,
        temperature=1.0, graphs=(), reject_below=reject_below, novelty_threshold=novelty_threshold,
    )  # fmt: skip


def row(*shares: float, novelty: float | None = None) -> Row:
    """Of a window with these probabilities."""
    (bare,) = Judge(model()).rows(Outputs(np.log([shares]).astype(np.float32), None))
    return bare._replace(novelty=novelty)


def answer(served: ServedModel, rows: list[Row], asked: Asked = ALL, seconds: float = 5.0) -> Classification:
    windows = windows_of(round(seconds * RATE), WINDOW, 250, RATE) if len(rows) > 1 else [Window(0, WINDOW)]
    sound = Sound(np.zeros(round(seconds * RATE), np.float32), AudioInfo("FLAC", "PCM_24", 48_000, 2, seconds))
    trace = Trace("id-1", decode_s=0.001, queue_s=0.0021234, engine_s=0.25, batch_size=3)
    batcher, nothing = cast("Batcher", SimpleNamespace(facts=FACTS)), cast("Hearing", None)
    serving = Serving(served, Judge(served), batcher, nothing, "")
    return classification(asked, serving, sound, windows, rows, trace)


def told(answered: Classification) -> list[tuple[str, int, float]]:
    return [(one["label"], one["index"], one["confidence"]) for one in answered["predictions"]]


def test_the_most_probable_label_comes_first() -> None:
    assert told(answer(model(), [row(0.2, 0.7, 0.1)])) == [("rain", 1, 0.7), ("dog", 0, 0.2), ("wind", 2, 0.1)]


def test_no_more_labels_are_told_than_were_asked_for() -> None:
    assert [label for label, *_ in told(answer(model(), [row(0.2, 0.7, 0.1)], Asked(2)))] == ["rain", "dog"]


def test_labels_that_were_asked_for_keep_their_confidences() -> None:
    asked = Asked(5, np.array([0, 2]))
    assert told(answer(model(), [row(0.2, 0.7, 0.1)], asked)) == [("dog", 0, 0.2), ("wind", 2, 0.1)]


@pytest.mark.parametrize(("reject_below", "uncertain"), [(0.6, False), (0.8, True), (None, None)])
def test_an_answer_is_uncertain_below_the_threshold(reject_below: float | None, uncertain: bool | None) -> None:
    assert answer(model(reject_below), [row(0.2, 0.7, 0.1)])["uncertain"] is uncertain


def test_whether_it_is_certain_is_said_of_what_is_shown() -> None:
    assert answer(model(0.6), [row(0.2, 0.7, 0.1)], Asked(5, np.array([1])))["uncertain"] is False
    assert answer(model(0.6), [row(0.2, 0.7, 0.1)], Asked(5, np.array([0])))["uncertain"] is True


@pytest.mark.parametrize(("distance", "unlike"), [(1.0, False), (3.0, True)])
def test_what_lies_beyond_the_threshold_is_unlike_all_that_was_learned(distance: float, unlike: bool) -> None:
    novelty = answer(model(novelty_threshold=2.0), [row(0.2, 0.7, 0.1, novelty=distance)])["novelty"]
    assert novelty == {"score": distance, "threshold": 2.0, "unlike_training": unlike}


def test_a_model_without_statistics_says_nothing_of_novelty() -> None:
    assert answer(model(), [row(0.2, 0.7, 0.1)])["novelty"] is None


def test_one_window_has_no_timeline() -> None:
    assert answer(model(), [row(0.2, 0.7, 0.1)])["timeline"] == []


def test_several_windows_have_one_and_the_answer_is_their_mean() -> None:
    rows = [row(0.8, 0.1, 0.1, novelty=1.0), row(0.1, 0.8, 0.1, novelty=4.0), row(0.3, 0.6, 0.1, novelty=1.0)]
    answered = answer(model(0.7, 1.5), rows, Asked(1), seconds=10)
    assert told(answered) == [("rain", 1, 0.5)]
    assert answered["uncertain"] is True
    assert answered["novelty"] == {"score": 2.0, "threshold": 1.5, "unlike_training": True}
    timeline = answered["timeline"]
    assert [(one["start_s"], one["end_s"]) for one in timeline] == [(0.0, 5.0), (2.5, 7.5), (5.0, 10.0)]
    assert [one["predictions"][0]["label"] for one in timeline] == ["dog", "rain", "rain"]
    assert [one["uncertain"] for one in timeline] == [False, False, True]
    assert [one["novelty"] for one in timeline] == [1.0, 4.0, 1.0]


def test_the_sound_is_described_as_it_was_sent() -> None:
    assert answer(model(), [row(0.2, 0.7, 0.1)], seconds=3.14159)["audio"] == {
        "format": "FLAC", "codec": "PCM_24", "sample_rate": 48_000, "channels": 2, "duration_s": 3.14, "windows": 1,
    }  # fmt: skip


def test_the_times_are_those_of_the_trace() -> None:
    timings = answer(model(), [row(0.2, 0.7, 0.1)])["timings"]
    assert timings["total_ms"] > 0
    assert {**timings, "total_ms": 0} == {
        "decode_ms": 1.0, "queue_ms": 2.123, "engine_ms": 250.0, "total_ms": 0, "batch_size": 3,
    }  # fmt: skip


def test_the_answer_names_what_gave_it() -> None:
    answered = answer(model(), [row(0.2, 0.7, 0.1)])
    assert answered["request_id"] == "id-1"
    assert answered["model"] == {
        "name": "mine", "version": "2.1.0", "sha256": "f" * 64, "engine": "onnx", "precision": "int8",
    }  # fmt: skip
