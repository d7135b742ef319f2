"""Whether the input pipeline keeps up: clips per second of the pipeline alone, and of training."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from training.loop import Run
from training.material import Material
from training.recipe import Recipe

_STEPS = 10  # per round: long enough that one hiccup of the machine does not decide it
_WARM_UP = 3


@dataclass(frozen=True)
class Throughput:
    """Medians over interleaved rounds, in clips per second."""

    pipeline: float
    training: float

    @property
    def headroom(self) -> float:
        """How many times faster clips are made ready than learned from."""
        return self.pipeline / self.training


def measure(recipe: Recipe, material: Material, device: torch.device, rounds: int) -> Throughput:
    """Time both in turn, so that a change of the machine's speed meets both; on whole windows, which take longest."""
    whole = recipe.with_whole_windows()
    long_enough = whole.loop.model_copy(update={"epochs": _WARM_UP + rounds * _STEPS})
    run = Run(whole.model_copy(update={"loop": long_enough}), material, Path("unused"), device)
    run.model.train()
    _time_training(run, 0, _WARM_UP)
    pipeline, training = [], []
    for number in range(rounds):
        first = _WARM_UP + number * _STEPS
        clips = _STEPS * run.pipeline.batch_size
        pipeline.append(clips / _time_pipeline(run, first))
        training.append(clips / _time_training(run, first, _STEPS))
    return Throughput(statistics.median(pipeline), statistics.median(training))


def _time_pipeline(run: Run, first: int) -> float:
    started = time.perf_counter()
    for step in range(first, first + _STEPS):
        run.pipeline.batch(step)
    _wait_for(run.device)
    return time.perf_counter() - started


def _time_training(run: Run, first: int, steps: int) -> float:
    """As the loop does it: batches are made ahead while the model learns."""
    started = time.perf_counter()
    for batch in run.pipeline.batches(first, first + steps):
        run.learn_from(batch)
    _wait_for(run.device)
    return time.perf_counter() - started


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
