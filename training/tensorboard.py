"""What a run looks like in TensorBoard: curves, the confusion matrix, pictures and sounds with what was answered."""

import time
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator
from torch.utils.tensorboard.writer import SummaryWriter

from training.checkpoint import ModelFacts
from training.evaluation import Predictions
from training.loop import Run
from training.observers import Look, Observer, StepReport
from training.pictures import MOST_CLASSES, Curve, confusion_picture, spectrogram_picture
from training.pipeline import as_waves
from training.recipe import flat_fields

_CURVE_EVERY = 10  # steps between two points: finer ones only slow the page
_SAMPLES = 6


class TensorBoardObserver(Observer):
    """Writes event files into the folder of the run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._first_look = True

    def started(self, run: Run) -> None:
        """Open the log; after a resume, what lies beyond the resumed step is dropped."""
        self._run = run
        self._writer = SummaryWriter(str(self._folder), purge_step=run.step + 1)
        self._since, self._since_step = time.perf_counter(), run.step
        if run.step == 0:
            text = "\n".join(f"    {name} = {value}" for name, value in flat_fields(run.recipe).items())
            self._writer.add_text("recipe", text)
            self._writer.add_text("data", "\n\n".join(run.material.notes) or "nothing to remark")

    def stepped(self, report: StepReport) -> None:
        """Curves of the training side."""
        if report.step % _CURVE_EVERY:
            return
        scalars = {
            "train/loss": float(report.loss),
            "train/accuracy": float(report.accuracy),
            "train/gradient_norm": float(report.gradient_norm),
            "train/learning_rate": report.learning_rate,
            "train/clips_per_second": self._throughput(report.step),
        }
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, report.step)

    def looked(self, look: Look) -> None:
        """Curves and pictures of the clips that are not learned from."""
        predictions = look.predictions
        self._writer.add_scalar(f"{look.side}/accuracy", predictions.accuracy, look.step)
        self._writer.add_scalar(f"{look.side}/loss", predictions.loss, look.step)
        labels = self._run.material.dataset.labels
        if len(labels) <= MOST_CLASSES:
            self._figure(
                f"{look.side}/confusion", confusion_picture(predictions.confusion(len(labels)), labels), look
            )
        self._samples(look)
        self._writer.flush()

    def finished(self, facts: ModelFacts) -> None:
        """Hyper-parameters beside the final figures, so that runs can be compared."""
        fields = {
            name: value if isinstance(value, int | float | str | bool) else str(value)
            for name, value in flat_fields(self._run.recipe).items()
        }
        metrics = {f"final/{name}": value for name, value in facts.metrics.items()}
        self._writer.add_hparams(fields, metrics or {"final/epochs": facts.epochs}, run_name=".")

    def closed(self) -> None:
        """Write what is still in memory."""
        self._writer.close()

    def _throughput(self, step: int) -> float:
        now = time.perf_counter()
        rate = (step - self._since_step) * self._run.pipeline.batch_size / (now - self._since)
        self._since, self._since_step = now, step
        return rate

    def _samples(self, look: Look) -> None:
        """A few clips spread over the set: what was heard, what was seen, what was said."""
        windows = look.windows
        sample_rate = self._run.recipe.audio.sample_rate
        frontend = self._run.average.module.frontend
        for slot, i in enumerate(np.linspace(0, len(windows) - 1, _SAMPLES).astype(int)):
            wave = as_waves(windows.samples[windows.windows[i : i + 1]], self._run.device)
            with torch.no_grad():
                decibels = frontend.decibels(wave)[0].cpu().numpy()
            title = _verdict(look.predictions, int(i), self._run.material.dataset.labels)
            picture = spectrogram_picture(decibels, self._run.recipe, title)
            self._figure(f"{look.side}_sample/{slot}", picture, look)
            if self._first_look:
                self._writer.add_audio(f"{look.side}_sample/{slot}", wave.cpu(), look.step, sample_rate)
        self._first_look = False

    def _figure(self, tag: str, figure: Figure, look: Look) -> None:
        self._writer.add_figure(tag, figure, look.step, close=False)


def held_out_curve(folder: Path) -> Curve | None:
    """What the log of a run says of the fold held out, if there is one."""
    log = EventAccumulator(str(folder), size_guidance={SCALARS: 0}).Reload()
    if "held_out/loss" not in log.Tags()[SCALARS]:
        return None
    accuracy, loss = log.Scalars("held_out/accuracy"), log.Scalars("held_out/loss")
    steps = tuple(event.step for event in loss)
    return Curve(steps, tuple(event.value for event in accuracy), tuple(event.value for event in loss))


def _verdict(predictions: Predictions, number: int, labels: tuple[str, ...]) -> str:
    truth, said = labels[predictions.labels[number]], labels[predictions.predicted[number]]
    return f"{truth}: right" if truth == said else f"{truth}: taken for {said}"
