"""The training loop, to be read in one sitting.

A run is a folder: `state.safetensors` to go on from, `model.safetensors` (the moving average after the last epoch:
never the epoch that happened to be best on the test fold), `predictions.parquet` for the clips held out, and the
event files of TensorBoard. Where it keeps teachers, the run learns from them too. What is shown on the way is the
business of the observers.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from contract.errors import EarshotError
from contract.memory import keep_memory
from contract.provenance import source_commit
from training.average import MovingAverage
from training.checkpoint import (
    MODEL_FILE,
    STATE_FILE,
    CheckpointError,
    ModelFacts,
    RunProgress,
    RunState,
    build_classifier,
    save_model,
    save_state,
)
from training.data.dataset import DatasetError
from training.evaluation import Predictions, predict, save_predictions
from training.frontend import LogMel
from training.losses import loss_of, targets_of, taught
from training.material import Material, WindowSet
from training.model import Classifier
from training.observers import Look, Observer, StepReport
from training.pipeline import Batch, Draw, Pipeline, as_waves, seed_for
from training.precision import autocast, repeatable, resolve_precision
from training.recipe import Recipe
from training.teachers import TEACHERS, digests_of, kept_teachers, load_teachers

PREDICTIONS_FILE = "predictions.parquet"
_NORMALISED_ON = 512  # windows: mean and deviation of a band are steady long before


class Interrupted(Exception):  # noqa: N818  (nothing went wrong: a person stopped the run)
    """The run was asked to stop; its state is saved."""


class Run:
    """One training run: from its first step, or from the state in which it stopped.

    Its first step begins at fresh weights, or at those of `start`: fine-tuning.
    """

    def __init__(
        self,
        recipe: Recipe,
        material: Material,
        folder: Path,
        device: torch.device,
        state: RunState | None = None,
        start: Classifier | None = None,
    ) -> None:
        if not len(material.train):
            raise DatasetError(f"{material.dataset.name}: nothing is left to learn from")
        if recipe.loop.patience and not len(material.validation):
            raise EarshotError("loop.patience needs a fold to look at that is not the test fold: --validation-fold")
        repeatable(recipe.loop.deterministic)
        if device.type == "cpu":
            keep_memory()  # each step frees what the next one wants again
        self.recipe, self.material, self.folder, self.device = recipe, material, folder, device
        self.split = material.fingerprint()
        self.commit = source_commit()  # now: the checkout may change while the run goes on
        asked = state.progress.precision if state else recipe.loop.precision
        self.precision = resolve_precision(asked, device)
        kept = kept_teachers(folder)
        self.taught_by = digests_of(kept)
        self.teachers = load_teachers(kept, material, device, self.precision)
        self.pipeline = Pipeline(material.train, recipe, device)
        self.total_steps = self.pipeline.total_steps
        torch.manual_seed(seed_for(recipe.loop.seed, Draw.WEIGHTS))
        self.model = build_classifier(recipe, len(material.dataset.labels))
        if start is not None:
            self.model.load_state_dict(start.state_dict())
        self.model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = _optimiser(self.model, recipe)
        self.scheduler = _schedule(self.optimiser, recipe, self.total_steps)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == "fp16")
        self.network = torch.compile(self.model.network, dynamic=False) if recipe.loop.compile else self.model.network
        self.step = 0
        self.best_loss: float | None = None
        self.looks_since_best = 0
        self._started = time.perf_counter()
        if state is None and start is None:
            self._fit_normalisation()
        self.average = MovingAverage(self.model, recipe.optimiser.ema_decay)
        if state is not None:
            self._restore(state)

    def train(self, observers: Sequence[Observer] = (), stop: Callable[[], bool] = lambda: False) -> ModelFacts:
        """Run to the last epoch, or until asked to stop; then raises `Interrupted`."""
        with ExitStack() as watching:
            for observer in observers:
                observer.started(self)
                watching.callback(observer.closed)
            self._train(observers, stop)
            return self._finish(observers)

    def save(self) -> None:
        """Write the state from which `Run` goes on bit for bit."""
        state = RunState(
            model=self.model.state_dict(),
            average=self.average.module.state_dict(),
            optimiser=self.optimiser.state_dict(),
            scaler=self.scaler.state_dict(),
            progress=RunProgress(
                step=self.step,
                scheduled=self.scheduler.last_epoch,
                precision=self.precision,
                best_loss=self.best_loss,
                looks_since_best=self.looks_since_best,
            ),
            facts=self._facts({}),
        )
        save_state(self.folder / STATE_FILE, state)

    def _train(self, observers: Sequence[Observer], stop: Callable[[], bool]) -> None:
        self.model.train()
        last = self.step if self.out_of_patience else self.total_steps
        for batch in self.pipeline.batches(self.step, last):
            report = self.learn_from(batch)
            for observer in observers:
                observer.stepped(report)
            if self.step % self.pipeline.steps_per_epoch == 0:
                self._end_epoch(observers)
                if self.out_of_patience:
                    break
            if stop():
                self.save()
                raise Interrupted

    @property
    def out_of_patience(self) -> bool:
        """Whether the validation loss has not improved for too long."""
        return 0 < self.recipe.loop.patience <= self.looks_since_best

    def learn_from(self, batch: Batch) -> StepReport:
        """One step: a batch seen, the weights moved."""
        pictures = pictures_of(batch, self.model.frontend, self.recipe)
        targets = targets_of(batch.labels, batch.mix, len(self.material.dataset.labels), self.recipe.loss)
        if self.teachers:
            targets = taught(targets, self.teachers.say(batch, self.step), self.recipe.loss)
        torch.manual_seed(seed_for(self.recipe.loop.seed, Draw.NETWORK, self.step))  # for dropout
        with autocast(self.precision, self.device):
            logits = self.network(pictures).logits.float()
        loss = loss_of(logits, targets, self.recipe.loss)
        rate = float(self.optimiser.param_groups[0]["lr"])
        norm = self._descend(loss)
        self.average.update(self.model, self.step)
        self.step += 1
        accuracy = (logits.detach().argmax(1) == batch.stronger_labels).float().mean()
        return StepReport(self.step, loss.detach(), accuracy, norm, rate)

    def _descend(self, loss: Tensor) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimiser)
        limit = self.recipe.optimiser.grad_clip or float("inf")
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.scaler.get_scale() >= scale:  # else float16 overflowed: the optimiser left this step out
            self.scheduler.step()
        return norm

    def _end_epoch(self, observers: Sequence[Observer]) -> None:
        """Look at clips that are not learned from, and save."""
        epoch = self.step // self.pipeline.steps_per_epoch
        if epoch % self.recipe.loop.evaluate_every == 0 and epoch < self.recipe.loop.epochs:
            if len(self.material.validation):
                self._count_patience(self._look("validation", self.material.validation, observers).loss)
            elif len(self.material.held_out):
                self._look("held_out", self.material.held_out, observers)
        self.save()

    def _look(
        self, side: Literal["held_out", "validation"], windows: WindowSet, observers: Sequence[Observer]
    ) -> Predictions:
        predictions = predict(self.average.module, windows, self.device)
        if not np.isfinite(predictions.logits).all():
            raise EarshotError(f"{self.folder}: the weights are no longer finite; try a lower optimiser.lr")
        epoch = self.step // self.pipeline.steps_per_epoch
        for observer in observers:
            observer.looked(Look(self.step, epoch, side, windows, predictions))
        return predictions

    def _count_patience(self, loss: float) -> None:
        better = self.best_loss is None or loss < self.best_loss
        self.best_loss = loss if better else self.best_loss
        self.looks_since_best = 0 if better else self.looks_since_best + 1

    def _finish(self, observers: Sequence[Observer]) -> ModelFacts:
        metrics: dict[str, float] = {}
        if len(self.material.held_out):
            predictions = self._look("held_out", self.material.held_out, observers)
            metrics = predictions.metrics()
            save_predictions(self.folder / PREDICTIONS_FILE, predictions, self.material.dataset, self.material.folds)
        facts = self._facts(metrics)
        save_model(self.folder / MODEL_FILE, self.average.module, facts)
        for observer in observers:
            observer.finished(facts)
        return facts

    def _facts(self, metrics: dict[str, float]) -> ModelFacts:
        return ModelFacts(
            recipe=self.recipe,
            labels=self.material.dataset.labels,
            dataset=self.material.dataset.name,
            held_out_folds=self.material.held_out_folds,
            validation_folds=self.material.validation_folds,
            split=self.split,
            teachers=self.taught_by,
            epochs=self.step / self.pipeline.steps_per_epoch,
            commit=self.commit,
            metrics=metrics,
            minutes=(time.perf_counter() - self._started) / 60,
        )

    @torch.no_grad()
    def _fit_normalisation(self) -> None:
        train = self.material.train
        chosen = train.windows[:: max(1, len(train) // _NORMALISED_ON)]
        batches = np.array_split(chosen, math.ceil(len(chosen) / self.pipeline.batch_size))
        self.model.frontend.fit_normalisation(as_waves(train.samples[part], self.device) for part in batches)

    def _restore(self, state: RunState) -> None:
        if state.facts.split != self.split:
            raise CheckpointError(
                f"{self.folder} was trained on other clips or another split: resume with the data as it was"
            )
        if state.facts.teachers != self.taught_by:
            raise CheckpointError(
                f"{self.folder} learned from other teachers: put those it had back into {self.folder / TEACHERS}"
            )
        self.model.load_state_dict(state.model)
        self.average.module.load_state_dict(state.average)
        self.optimiser.load_state_dict(state.optimiser)
        for parameter, moments in self.optimiser.state.items():
            moments |= {name: _laid_out_like(parameter, tensor) for name, tensor in moments.items()}
        self.scaler.load_state_dict(state.scaler)
        progress = state.progress
        self.scheduler.load_state_dict({"last_epoch": progress.scheduled, "_step_count": progress.scheduled + 1})
        self.step, self.commit = progress.step, state.facts.commit
        self.best_loss, self.looks_since_best = progress.best_loss, progress.looks_since_best
        self._started -= 60 * (state.facts.minutes or 0)


@torch.no_grad()
def pictures_of(batch: Batch, frontend: LogMel, recipe: Recipe) -> Tensor:
    """[B, 1, bands, frames]: what the network sees of a batch, mixed and masked."""
    return recipe.spectrogram_augment(batch.spectrograms(frontend), batch.rng).unsqueeze(1)


def _laid_out_like(parameter: Tensor, moment: Tensor) -> Tensor:
    """In the parameter's order of memory, which a file does not keep: the fused step pairs numbers by their place."""
    return torch.empty_like(parameter).copy_(moment) if moment.shape == parameter.shape else moment


def _optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Weight decay pulls on matrices and kernels only: on norms and biases it does harm."""
    parameters = list(model.parameters())
    config = recipe.optimiser
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True)


def _schedule(optimiser: torch.optim.Optimizer, recipe: Recipe, steps: int) -> OneCycleLR:
    """One cycle; its rise takes more than one step, for PyTorch's divides by the steps of the rise less one."""
    config = recipe.optimiser
    rise = max(config.warmup, 1.5 / steps)
    steps = max(steps, 2)
    return OneCycleLR(optimiser, config.lr, steps, pct_start=min(rise, 0.75), cycle_momentum=False)
