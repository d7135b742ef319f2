"""The process of the bare engine: `python -m benchmarks.raw_worker ORDER`, then seconds to measure, line by line."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.clips import wav_bodies
from benchmarks.pace import in_seconds, repeated
from benchmarks.raw import RawFigures, RawOrder
from contract.audio import decode, fit
from contract.errors import EarshotError
from service.engines.onnx import OnnxEngine, OnnxSession
from service.model import ServedModel
from service.serving import open_model
from service.settings import Settings

_DECODES = 5
"""Times that each body is decoded for one figure."""


class Pace(NamedTuple):
    """How fast some work went in all threads together."""

    clips_per_s: float
    cpu_ms: float
    """Of one clip."""
    median_ms: float
    """Of one piece of work."""


def main() -> None:
    """Say what is expected, then measure whenever asked to."""
    order = RawOrder(**json.loads(sys.argv[1]))
    model = open_model(Settings(**order.model))
    bodies = wav_bodies(Path(order.clips) if order.clips else None, order.clip_rate)
    engines = _engines(model, order)
    _say([model.labels[_heard(engines[0], model, body)] for body in bodies])
    for line in sys.stdin:
        _say(asdict(_measured(engines, bodies, model.sample_rate, float(line))))


def pace(works: Sequence[Callable[[], object]], clips: int, seconds: float) -> Pace:
    """Do each over and over in a thread of its own; every piece of work is worth so many clips."""
    cpu = time.process_time()
    stop = in_seconds(seconds)
    with ThreadPoolExecutor(len(works)) as pool:
        times = list(pool.map(lambda work: repeated(work, stop), works))
    cpu = time.process_time() - cpu
    pieces = sum(map(len, times))
    per_s = sum(len(own) / sum(own) for own in times)
    return Pace(clips * per_s, 1000 * cpu / (clips * pieces), 1000 * float(np.median(np.concatenate(times))))


def _measured(engines: list[OnnxEngine], bodies: list[bytes], sample_rate: int, seconds: float) -> RawFigures:
    sizes = (1, len(engines[0].staging))
    single, full = (pace([partial(engine.infer, size) for engine in engines], size, seconds) for size in sizes)
    best = max(single, full)
    return RawFigures(best.clips_per_s, single.median_ms, best.cpu_ms, _decode_ms(bodies, sample_rate))


def _decode_ms(bodies: list[bytes], sample_rate: int) -> float:
    times = []
    for body in bodies * _DECODES:
        start = time.perf_counter()
        decode(body, sample_rate)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def _engines(model: ServedModel, order: RawOrder) -> list[OnnxEngine]:
    """The graph and the options that the service runs, in one session for all threads."""
    graph = model.graph(order.precision)
    assert graph is not None, f"{model.name} has no graph in {order.precision}"  # noqa: S101  (the service runs it)
    session = OnnxSession(graph)
    engines = [OnnxEngine(session, order.max_batch, model.window_samples) for _ in range(order.threads)]
    for engine in engines:
        engine.load()
        engine.warm_up()
    return engines


def _heard(engine: OnnxEngine, model: ServedModel, body: bytes) -> int:
    """The class of a clip; it stays in every row of the buffer, so that what is measured is no silence."""
    engine.staging[:] = fit(decode(body, model.sample_rate), model.window_samples)
    return int(engine.infer(1).logits[0].argmax())


def _say(value: Any) -> None:  # noqa: ANN401
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    try:
        main()
    except EarshotError as error:
        sys.exit(f"error: {error}")
