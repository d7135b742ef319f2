"""One batch on one engine: lays the windows into its buffer, runs it, and tells which of the answers are answers.

Knows nothing of threads, nor of what becomes of an engine that fails: it raises.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from service.engines.base import Engine, EngineError, Outputs, Wave
from service.windows import lay

Judge = Callable[[Outputs], Sequence[Any]]
"""Makes one row of each window's outputs."""


def rows_of(engine: Engine, windows: Sequence[Wave], judge: Judge) -> list[Any]:
    """One for each window; None where what the engine says is no number."""
    for row, window in zip(engine.staging, windows, strict=False):
        lay(window, row)
    outputs = engine.infer(len(windows))
    if len(outputs.logits) != len(windows):
        raise EngineError(f"of {len(windows)} windows, the engine answered {len(outputs.logits)}")
    sound = np.isfinite(outputs.logits).all(axis=1)
    if outputs.embedding is not None:
        sound &= np.isfinite(outputs.embedding).all(axis=1)
    if sound.all():
        return list(judge(outputs))
    rows: list[Any] = [None] * len(windows)
    if sound.any():
        embedding = None if outputs.embedding is None else outputs.embedding[sound]
        judged = judge(Outputs(outputs.logits[sound], embedding))
        for place, row in zip(np.flatnonzero(sound), judged, strict=True):
            rows[place] = row
    return rows


def answers_silence(engine: Engine, judge: Judge) -> bool:
    """Whether the engine is sound: silence is what every one that is can answer."""
    return rows_of(engine, [engine.staging[0, :0]], judge)[0] is not None


def sound_engine(make: Callable[[], Engine], judge: Judge) -> Engine:
    """A new one, loaded, warm, and asked."""
    engine = make()
    try:
        engine.load()
        engine.warm_up()
        is_sound = answers_silence(engine, judge)
    except BaseException:
        engine.close()
        raise
    if not is_sound:
        engine.close()
        raise EngineError("the new engine does not answer silence")
    return engine
