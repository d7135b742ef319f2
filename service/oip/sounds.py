"""From the rows of a request to the windows that the engine hears: one for each row of samples, and for each file as
many as it is long.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from contract.audio import AudioError
from service.engines.base import Samples, Wave
from service.oip.inputs import AUDIO
from service.problems import ProblemError, problem_of
from service.serving import Serving
from service.trace import Trace
from service.windows import cut, window_count, windows_of


class Sounds(NamedTuple):
    """What is to be computed."""

    windows: list[Wave]
    counts: list[int]
    """Windows of each row, in their order."""


async def sounds_of(
    rows: Samples | list[bytes],
    serving: Serving,
    most_windows: int,
    trace: Trace,
    deadline: float,
    gone: Callable[[], Awaitable[None]],
) -> Sounds:
    """Files are decoded one after the other: a request with many must not crowd out the others."""
    model = serving.model
    if not isinstance(rows, list):
        trace.audio_s = len(rows) * model.window_s
        return Sounds(list(rows), [1] * len(rows))
    windows: list[Wave] = []
    counts: list[int] = []
    trace.decode_s = 0.0
    for i, file in enumerate(rows):
        try:
            decoded, seconds = await serving.hearing.hear(file, deadline, gone)
        except AudioError as error:
            raise ProblemError(error.code, f"{AUDIO}[{i}]: {problem_of(error).detail}") from None
        trace.decode_s += seconds
        trace.audio_s += decoded.waveform.size / model.sample_rate
        hop = model.window_samples
        count = window_count(decoded.waveform.size, model.window_samples, hop, model.sample_rate)
        if len(windows) + count > most_windows:
            raise ProblemError(
                "too_long",
                f"{AUDIO}: up to element {i}, these are more than {most_windows} windows, the most at once.",
            )
        places = windows_of(decoded.waveform.size, model.window_samples, hop, model.sample_rate)
        windows += cut(decoded.waveform, places)
        counts.append(count)
    return Sounds(windows, counts)
