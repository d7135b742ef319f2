"""From the cache to batches on the device, augmented, ahead of the model.

Every random draw is a function of the recipe's seed and the step's number, and of nothing else. So a run that was cut
off goes on bit for bit from any step, and batches can be made in any order by any thread.
"""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.augment import Mix
from training.data.cache import FULL_SCALE
from training.frontend import LogMel
from training.material import WindowSet
from training.pieces import Pieces
from training.recipe import Recipe

_AHEAD = 2  # batches kept ready: one being made while one waits


class Draw(IntEnum):
    """What a random number is drawn for; keeps the streams apart."""

    ORDER = 0
    AUGMENT = 1
    NETWORK = 2
    WEIGHTS = 3
    PIECE = 4


@dataclass(frozen=True)
class Batch:
    """What one step of training sees."""

    waves: Tensor
    """[B, samples] on the device: windows or pieces of them, augmented."""
    labels: Tensor
    mix: Mix
    rng: torch.Generator
    """For what is still to be drawn in this step: the masks of the spectrogram."""

    def spectrograms(self, frontend: LogMel) -> Tensor:
        """[B, bands, frames]: what this front end makes of the batch, mixed."""
        return self.mix.on_spectrograms(frontend(self.waves).squeeze(1))

    @property
    def stronger_labels(self) -> Tensor:
        """The label that weighs most in each mixed clip."""
        return torch.where(self.mix.weight >= 0.5, self.labels, self.labels[self.mix.partner])


def seed_for(*key: int) -> int:
    """A well-mixed seed from a few small numbers."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


def as_waves(samples: NDArray[np.int16], device: torch.device) -> Tensor:
    """16-bit samples as float32 between −1 and 1, on the device."""
    return torch.from_numpy(samples).to(device) / FULL_SCALE


class Pipeline:
    """Batches of the training windows, in an order that the seed decides."""

    def __init__(self, windows: WindowSet, recipe: Recipe, device: torch.device) -> None:
        self._windows, self._recipe, self._device = windows, recipe, device
        self.batch_size = min(recipe.loop.batch_size, len(windows))
        self.steps_per_epoch = len(windows) // self.batch_size
        self.total_steps = self.steps_per_epoch * recipe.loop.epochs
        self._pieces = Pieces(windows, recipe.loop.piece_draws) if recipe.loop.pieces else None

    def batch(self, step: int) -> Batch:
        """The batch of this step; always the same."""
        recipe = self._recipe
        chosen = self._chosen(*divmod(step, self.steps_per_epoch))
        rng = torch.Generator(self._device).manual_seed(seed_for(recipe.loop.seed, Draw.AUGMENT, step))
        waves = as_waves(self._heard(chosen, step), self._device)
        waves = recipe.wave_augment(waves, recipe.audio.sample_rate, rng)
        mix = recipe.mixing.at(step, self.total_steps).draw(len(chosen), rng)
        labels = torch.from_numpy(self._windows.labels[chosen]).to(self._device)
        return Batch(mix.on_waves(waves), labels, mix, rng)

    def _chosen(self, epoch: int, position: int) -> NDArray[np.int64]:
        """Each window once an epoch, in an order of its own; what does not fill a batch waits for the next epoch."""
        order = np.random.default_rng(seed_for(self._recipe.loop.seed, Draw.ORDER, epoch))
        shuffled = order.permutation(len(self._windows))
        return shuffled[position * self.batch_size :][: self.batch_size]

    def _heard(self, chosen: NDArray[np.int64], step: int) -> NDArray[np.int16]:
        """Whole windows, or a piece of each, as the recipe says of this part of the run."""
        length = self._length(step)
        if self._pieces is None or length == self._recipe.audio.window_samples:
            return self._windows.samples[self._windows.windows[chosen]]
        rng = np.random.default_rng(seed_for(self._recipe.loop.seed, Draw.PIECE, step))
        return self._pieces.cut(chosen, length, rng)

    def _length(self, step: int) -> int:
        for piece in self._recipe.loop.pieces:
            if step < piece.until * self.total_steps:
                return round(piece.seconds * self._recipe.audio.sample_rate)
        return self._recipe.audio.window_samples

    def batches(self, first: int, last: int) -> Generator[Batch]:
        """Batches of the steps first … last − 1.

        Beside a GPU a thread makes them ahead. On a CPU it would only take from the model the cores that it needs:
        made in turn, training is an eighth faster.
        """
        if self._device.type == "cpu":
            yield from map(self.batch, range(first, last))
        else:
            yield from self.made_ahead(first, last)

    def made_ahead(self, first: int, last: int) -> Generator[Batch]:
        """The same batches, made by a thread while earlier ones are learned from."""
        with ThreadPoolExecutor(1, thread_name_prefix="pipeline") as pool:
            waiting: deque[Future[Batch]] = deque()
            try:
                for step in range(first, last):
                    waiting.append(pool.submit(self.batch, step))
                    if len(waiting) > _AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
