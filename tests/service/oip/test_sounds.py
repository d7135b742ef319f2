"""Rows become windows: one for each row of samples, and for each file as many as it is long."""

import asyncio
import time
from collections.abc import Iterator
from io import BytesIO
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import soundfile

from contract.audio import Limits
from service.engines.base import Samples
from service.hearing import Hearing
from service.model import ServedModel
from service.oip.sounds import Sounds, sounds_of
from service.problems import ProblemError
from service.serving import Serving
from service.trace import Trace

RATE, WINDOW = 8000, 4000
MODEL = ServedModel("ears", "1", ("dog", "rain"), RATE, WINDOW, 1.0, ())
MOST = 5
PATIENCE_S = 30.0


@pytest.fixture
def serving() -> Iterator[Serving]:
    hearing = Hearing(RATE, Limits(max_seconds=10), 8)
    yield cast("Serving", SimpleNamespace(model=MODEL, hearing=hearing))
    hearing.close()


def sounds(serving: Serving, rows: Samples | list[bytes], trace: Trace | None = None) -> Sounds:
    async def stays() -> None:
        await asyncio.Event().wait()

    deadline = time.monotonic() + PATIENCE_S
    return asyncio.run(sounds_of(rows, serving, MOST, trace or Trace("id"), deadline, stays))


def wav(seconds: float) -> bytes:
    made = BytesIO()
    soundfile.write(made, np.full(round(seconds * RATE), 0.25), RATE, format="WAV")
    return made.getvalue()


def test_samples_are_taken_as_they_are(serving: Serving) -> None:
    rows, trace = np.arange(3 * WINDOW, dtype=np.float32).reshape(3, WINDOW), Trace("id")
    made = sounds(serving, rows, trace)
    np.testing.assert_array_equal(made.windows, rows)
    assert made.counts == [1, 1, 1]
    assert (trace.audio_s, trace.decode_s) == (1.5, None)


def test_a_file_becomes_as_many_windows_as_it_is_long(serving: Serving) -> None:
    trace = Trace("id")
    made = sounds(serving, [wav(0.2), wav(1.5), wav(0.5)], trace)
    assert made.counts == [1, 3, 1]
    assert [len(window) for window in made.windows] == [1600, *[WINDOW] * 4]
    assert trace.audio_s == pytest.approx(2.2)
    assert trace.decode_s
    assert trace.decode_s > 0


def test_files_that_are_too_long_together_are_refused(serving: Serving) -> None:
    with pytest.raises(ProblemError, match="up to element 1, these are more than 5 windows") as caught:
        sounds(serving, [wav(1.5), wav(1.5), b"not even looked at"])
    assert caught.value.code == "too_long"


@pytest.mark.parametrize(
    ("file", "code"), [(b"", "empty_body"), (b"text", "undecodable_audio"), (wav(11), "too_long")]
)
def test_a_file_that_is_refused_is_told_by_its_place(serving: Serving, file: bytes, code: str) -> None:
    with pytest.raises(ProblemError, match=r"^audio\[1\]: ") as caught:
        sounds(serving, [wav(0.1), file])
    assert caught.value.code == code
