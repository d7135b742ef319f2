"""The training loop, to be read in one sitting.

A run is a folder: `state.safetensors` to go on from, `model.safetensors` (the moving average after the last epoch:
never the epoch that happened to be best on the test fold), `predictions.parquet` for the clips held out, and the
event files of TensorBoard. What is shown on the way is the business of the observers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from training.average import MovingAverage
from training.checkpoint import (
    MODEL_FILE,
    STATE_FILE,
    CheckpointError,
    ModelFacts,
    RunState,
    build_classifier,
    load_state,
    save_model,
    save_state,
)
from training.evaluation import Predictions, predict, save_predictions
from training.losses import loss_of, targets_of
from training.material import Material, WindowSet
from training.pipeline import Batch, Draw, Pipeline, as_waves, seed_for
from training.precision import autocast, repeatable, resolve_precision
from training.provenance import source_commit
from training.recipe import Recipe

PREDICTIONS_FILE = "predictions.parquet"
_NORMALISED_ON = 512  # windows: mean and deviation of a band are steady long before


class Interrupted(Exception):  # noqa: N818  (nothing went wrong: a person stopped the run)
    """The run was asked to stop; its state is saved."""


@dataclass(frozen=True)
class StepReport:
    """What happened in one step. Tensors are not waited for: reading one waits for the GPU."""

    step: int
    loss: Tensor
    accuracy: Tensor
    """Share of clips whose stronger label scored highest, on augmented and mixed clips."""
    gradient_norm: Tensor
    learning_rate: float


@dataclass(frozen=True)
class Look:
    """The averaged model, asked about clips that it does not learn from."""

    step: int
    epoch: int
    side: str
    """`held_out` or `validation`."""
    predictions: Predictions


class Observer:
    """Somebody who watches a run; overrides what is worth knowing."""

    def started(self, run: "Run") -> None:
        """Before the first step, and after a resume."""

    def stepped(self, report: StepReport) -> None:
        """After each step."""

    def looked(self, look: Look) -> None:
        """After the model was asked about clips it does not learn from."""

    def finished(self, facts: ModelFacts) -> None:
        """After the model was written."""

    def closed(self) -> None:
        """When the run ends: finished, interrupted or failed."""


class Run:
    """One training run: from its first step, or from the state in which it stopped."""

    def __init__(
        self,
        recipe: Recipe,
        material: Material,
        folder: Path,
        device: torch.device,
        state: RunState | None = None,
    ) -> None:
        repeatable(recipe.loop.deterministic)
        self.recipe, self.material, self.folder, self.device = recipe, material, folder, device
        self.commit = source_commit()  # now: the checkout may change while the run goes on
        self.precision = resolve_precision(recipe.loop.precision, device)
        self.pipeline = Pipeline(material.train, recipe, device)
        self.total_steps = self.pipeline.steps_per_epoch * recipe.loop.epochs
        torch.manual_seed(seed_for(recipe.loop.seed, Draw.WEIGHTS))
        self.model = build_classifier(recipe, len(material.dataset.labels))
        self.model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = _optimiser(self.model, recipe)
        self.scheduler = _schedule(self.optimiser, recipe, self.total_steps)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == "fp16")
        self.step = 0
        self.best_loss = float("inf")
        self.looks_since_best = 0
        if state is None:
            self._fit_normalisation()
        self.average = MovingAverage(self.model, recipe.optimiser.ema_decay)
        if state is not None:
            self._restore(state)

    def train(self, observers: Sequence[Observer] = (), stop: Callable[[], bool] = lambda: False) -> ModelFacts:
        """Run to the last epoch, or until asked to stop; then raises `Interrupted`."""
        try:
            for observer in observers:
                observer.started(self)
            self._train(observers, stop)
            return self._finish(observers)
        finally:
            for observer in observers:
                observer.closed()

    def save(self) -> None:
        """Write the state from which `Run` goes on bit for bit."""
        state = RunState(
            model=self.model.state_dict(),
            average=self.average.module.state_dict(),
            optimiser=self.optimiser.state_dict(),
            scaler=self.scaler.state_dict(),
            step=self.step,
            facts=self._facts({}),
            progress={
                "material": self.material.fingerprint(),
                "best_loss": self.best_loss,
                "looks_since_best": self.looks_since_best,
                "scheduled": self.scheduler.last_epoch,
            },
        )
        save_state(self.folder / STATE_FILE, state)

    def _train(self, observers: Sequence[Observer], stop: Callable[[], bool]) -> None:
        network = torch.compile(self.model.network) if self.recipe.loop.compile else self.model.network
        self.model.train()
        for batch in self.pipeline.batches(self.step, self.total_steps):
            report = self.learn_from(batch, network)
            for observer in observers:
                observer.stepped(report)
            if self.step % self.pipeline.steps_per_epoch == 0 and self._end_epoch(observers):
                break
            if stop():
                self.save()
                raise Interrupted

    def learn_from(self, batch: Batch, network: Callable[[Tensor], Any]) -> StepReport:
        """One step: a batch seen, the weights moved."""
        with torch.no_grad():
            pictures = batch.mix.on_spectrograms(self.model.frontend(batch.waves).squeeze(1))
            pictures = self.recipe.spectrogram_augment(pictures, batch.rng).unsqueeze(1)
        targets = targets_of(batch.labels, batch.mix, len(self.material.dataset.labels), self.recipe.loss)
        torch.manual_seed(seed_for(self.recipe.loop.seed, Draw.NETWORK, self.step))  # for dropout
        with autocast(self.precision, self.device):
            logits = network(pictures).logits.float()
        loss = loss_of(logits, targets, self.recipe.loss)
        rate = float(self.optimiser.param_groups[0]["lr"])
        norm = self._descend(loss)
        self.average.update(self.model, self.step)
        self.step += 1
        accuracy = (logits.detach().argmax(1) == targets.argmax(1)).float().mean()
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

    def _end_epoch(self, observers: Sequence[Observer]) -> bool:
        """Look at clips that are not learned from, save, and say whether to stop early."""
        epoch = self.step // self.pipeline.steps_per_epoch
        enough = False
        if epoch % self.recipe.loop.evaluate_every == 0 and epoch < self.recipe.loop.epochs:
            side = "validation" if len(self.material.validation) else "held_out"
            enough = self._look(side, observers)
        self.save()
        return enough

    def _look(self, side: str, observers: Sequence[Observer]) -> bool:
        windows: WindowSet = getattr(self.material, side)
        if not len(windows):
            return False
        look = Look(
            self.step,
            self.step // self.pipeline.steps_per_epoch,
            side,
            predict(self.average.module, windows, self.device),
        )
        for observer in observers:
            observer.looked(look)
        return side == "validation" and self._out_of_patience(look.predictions.loss)

    def _out_of_patience(self, loss: float) -> bool:
        better = loss < self.best_loss
        self.best_loss = min(loss, self.best_loss)
        self.looks_since_best = 0 if better else self.looks_since_best + 1
        return 0 < self.recipe.loop.patience <= self.looks_since_best

    def _finish(self, observers: Sequence[Observer]) -> ModelFacts:
        metrics: dict[str, float] = {}
        if len(self.material.held_out):
            predictions = predict(self.average.module, self.material.held_out, self.device)
            metrics = predictions.metrics()
            save_predictions(self.folder / PREDICTIONS_FILE, predictions, self.material.dataset, self.material.folds)
            look = Look(self.step, self.recipe.loop.epochs, "held_out", predictions)
            for observer in observers:
                observer.looked(look)
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
            epochs=self.step / self.pipeline.steps_per_epoch,
            commit=self.commit,
            metrics=metrics,
        )

    @torch.no_grad()
    def _fit_normalisation(self) -> None:
        train = self.material.train
        stride = max(1, len(train) // _NORMALISED_ON)
        waves = as_waves(train.samples[train.windows[::stride]], self.device)
        self.model.frontend.fit_normalisation(torch.split(waves, self.pipeline.batch_size))

    def _restore(self, state: RunState) -> None:
        if state.progress["material"] != self.material.fingerprint():
            raise CheckpointError(
                f"{self.folder} was trained on other clips or another split: resume with the same --data and folds"
            )
        self.model.load_state_dict(state.model)
        self.average.module.load_state_dict(state.average)
        self.optimiser.load_state_dict(state.optimiser)
        self.scaler.load_state_dict(state.scaler)
        scheduled = state.progress["scheduled"]
        self.scheduler.load_state_dict({"last_epoch": scheduled, "_step_count": scheduled + 1})
        self.step = state.step
        self.best_loss = state.progress["best_loss"]
        self.looks_since_best = state.progress["looks_since_best"]


def resume(folder: Path, material: Material, device: torch.device) -> Run:
    """The run in this folder, where it stopped."""
    state = load_state(folder / STATE_FILE)
    return Run(state.facts.recipe, material, folder, device, state)


def _optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Weight decay pulls on matrices and kernels only: on norms and biases it does harm."""
    parameters = list(model.parameters())
    config = recipe.optimiser
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, foreach=True)


def _schedule(optimiser: torch.optim.Optimizer, recipe: Recipe, steps: int) -> OneCycleLR:
    config = recipe.optimiser
    return OneCycleLR(optimiser, config.lr, total_steps=steps, pct_start=config.warmup, cycle_momentum=False)
