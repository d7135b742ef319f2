"""What is measured of an engine: how far its answers lie from the model's, and how long they take."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from contract.audio import decode, fit
from contract.bundle import HALF_GRAPH
from contract.errors import EarshotError, UnavailableError
from export.gpu.engines import Candidate, Engine, Session
from export.hostile import signals
from export.parity import HOSTILE_LIMITS, LIMITS, Comparison, Limits, Logits, ParityError, compare
from training.data.cache import FULL_SCALE
from training.model import Classifier

BATCHES = (1, 8, 32)
INPUTS = (torch.float32, torch.int16)
_PARITY_BATCH = 8
_WARM_UP_SECONDS = 0.5  # until the clocks of a GPU have risen
_FEWEST_WARM_UPS = 3

Waves = NDArray[np.float32]


FLOAT_LIMITS = Limits(max_delta=1e-2, changed=0.0)
"""Sums in another order than on the CPU, but no rounding to fewer digits. On hostile signals float32 is held to what
half precision is: it is TF32 that is looked for there, which is ten times worse."""


@dataclass(frozen=True)
class Sounds:
    """Sounds, and what the model says of them in float32 on the CPU."""

    waves: Waves
    wanted: Logits


@dataclass(frozen=True)
class Material:
    """What engines are asked: real clips, on the grid of 16-bit PCM, and hostile signals by name."""

    clips: Sounds
    hostile: dict[str, Sounds]


@dataclass(frozen=True)
class Timing:
    """Milliseconds from samples in host memory to answers in host memory."""

    batch: int
    input: str
    runs: int
    median_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Column:
    """All that is known of one engine; `unavailable` or `failed` is why nothing is, or not all."""

    name: str
    unavailable: str = ""
    """Why this machine cannot have it, and may do without."""
    failed: str = ""
    clips: dict[str, Comparison] = field(default_factory=dict)
    """By the kind of samples that went in."""
    hostile: dict[str, Comparison] = field(default_factory=dict)
    """By the name of the signal."""
    broken: tuple[str, ...] = ()
    """One phrase for each bound that is not held."""
    timings: tuple[Timing, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.broken or self.failed)


def load_material(model: Classifier, clips: Path, sample_rate: int, samples: int) -> Material:
    """Decode the clips of this folder, and ask the model about them and about hostile signals."""
    paths = sorted(path for path in clips.iterdir() if path.is_file())
    if not paths:
        raise EarshotError(f"{clips} holds no clips to compare answers on")
    waves = np.stack([fit(decode(path, sample_rate), samples) for path in paths])
    hostile = {name: _asked(model, wave[None]) for name, wave in signals(samples, sample_rate).items()}
    return Material(_asked(model, on_pcm_grid(waves)), hostile)


def on_pcm_grid(waves: Waves) -> Waves:
    """What 16-bit PCM makes of them, so that both kinds of samples carry the same sound."""
    return np.asarray(_as_pcm(waves) / FULL_SCALE, dtype=np.float32)


def measure(candidate: Candidate, material: Material, runs: int) -> Column:
    """Make this engine, compare its answers and time it; what goes wrong is its result, and stops nobody else."""
    column = Column(candidate.name)
    try:
        engine = candidate.make()
        column = _compared(column, engine, material, LIMITS[HALF_GRAPH] if candidate.half else FLOAT_LIMITS)
        return replace(column, timings=tuple(_timings(engine, material.clips.waves, runs)))
    except UnavailableError as error:
        return replace(column, unavailable=str(error))
    except Exception as error:  # noqa: BLE001  (whatever a library throws, the other engines are still worth measuring)
        return replace(column, failed=_in_one_line(error))


def answers(engine: Engine, waves: Waves, dtype: torch.dtype) -> Logits:
    """The logits of all these sounds, asked in batches of one size."""
    session = engine.session(_PARITY_BATCH, dtype)
    parts = []
    for start in range(0, len(waves), _PARITY_BATCH):
        part = waves[start : start + _PARITY_BATCH]
        fill(session, part)
        parts.append(session.run()[0][: len(part)].numpy().copy())
    return np.concatenate(parts)


def fill(session: Session, waves: Waves) -> None:
    """Put these sounds into the first rows, and silence into the others."""
    samples = _as_pcm(waves) if session.waves.dtype == torch.int16 else waves
    session.waves.zero_()
    session.waves[: len(waves)] = torch.from_numpy(samples)


def time_runs(run: Callable[[], object], runs: int, warm_up_seconds: float) -> NDArray[np.float64]:
    """Milliseconds of each run, after a warm-up."""
    until = time.perf_counter() + warm_up_seconds
    warm_ups = 0
    while warm_ups < _FEWEST_WARM_UPS or time.perf_counter() < until:
        run()
        warm_ups += 1
    ticks = np.empty(runs + 1, np.int64)
    ticks[0] = time.perf_counter_ns()
    for number in range(1, runs + 1):
        run()
        ticks[number] = time.perf_counter_ns()
    return np.diff(ticks) / 1e6


def _compared(column: Column, engine: Engine, material: Material, limits: Limits) -> Column:
    clips: dict[str, Comparison] = {}
    hostile: dict[str, Comparison] = {}
    together = np.concatenate([sounds.waves for sounds in material.hostile.values()])
    tasks = [
        (clips, input_name(dtype), material.clips, answers(engine, material.clips.waves, dtype), limits)
        for dtype in INPUTS
    ]
    tasks += [
        (hostile, name, sounds, logits[None], HOSTILE_LIMITS[HALF_GRAPH])
        for (name, sounds), logits in zip(
            material.hostile.items(), answers(engine, together, torch.float32), strict=True
        )
    ]
    broken = []
    for results, name, sounds, found, held_to in tasks:
        try:
            results[name] = compare(sounds.wanted, found, sounds.wanted.argmax(1))
        except ParityError as error:
            broken.append(f"{name}: {error}")
        else:
            broken += [f"{name}: {phrase}" for phrase in held_to.broken_by(results[name])]
    return replace(column, clips=clips, hostile=hostile, broken=tuple(broken))


def _timings(engine: Engine, waves: Waves, runs: int) -> Sequence[Timing]:
    timings = []
    for dtype in INPUTS:
        for batch in BATCHES:
            session = engine.session(batch, dtype)
            fill(session, np.resize(waves, (batch, waves.shape[1])))
            taken = time_runs(session.run, runs, _WARM_UP_SECONDS)
            median, p99 = np.quantile(taken, [0.5, 0.99])
            timings.append(Timing(batch, input_name(dtype), runs, float(median), float(p99)))
    return timings


def input_name(dtype: torch.dtype) -> str:
    """As tables say it: float32, int16."""
    return str(dtype).removeprefix("torch.")


def _asked(model: Classifier, waves: Waves) -> Sounds:
    with torch.inference_mode():
        return Sounds(waves, np.concatenate([model(torch.from_numpy(wave[None])).logits.numpy() for wave in waves]))


def _as_pcm(waves: Waves) -> NDArray[np.int16]:
    scaled: Waves = np.rint(waves * np.float32(FULL_SCALE))
    return scaled.clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _in_one_line(error: Exception) -> str:
    first = next(iter(str(error).splitlines()), "")
    return first if isinstance(error, EarshotError) else f"{type(error).__name__}: {first}"
