"""What a model says of held-out windows, the figures that follow, and the file that keeps both."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from contract.files import replacing
from training.data.dataset import Dataset
from training.material import WindowSet
from training.pipeline import as_waves

_BATCH = 64  # larger batches gain nothing on a CPU and little on a GPU


@dataclass(frozen=True)
class Predictions:
    """The answers of a model to a set of windows."""

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    labels: NDArray[np.int64]
    clips: NDArray[np.int64]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The class with the highest score."""
        best: NDArray[np.int64] = self.logits.argmax(1)
        return best

    @property
    def accuracy(self) -> float:
        """Share of windows that are named right."""
        return float((self.predicted == self.labels).mean())

    @property
    def loss(self) -> float:
        """Mean negative log-likelihood of the right class."""
        return float(-_log_softmax(self.logits)[np.arange(len(self.labels)), self.labels].mean())

    def metrics(self) -> dict[str, float]:
        """The figures that go with a checkpoint."""
        return {"accuracy": self.accuracy, "loss": self.loss}

    def confusion(self, classes: int) -> NDArray[np.int64]:
        """[true class, predicted class] → windows."""
        pairs = self.labels * classes + self.predicted
        return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class ClassReport:
    """How well one class is told from the others."""

    label: str
    support: int
    precision: float
    recall: float
    f1: float
    mistaken_for: str
    """The class that it is most often taken for; empty where it never is."""


@torch.inference_mode()
def predict(model: nn.Module, windows: WindowSet, device: torch.device, turns: int = 1) -> Predictions:
    """Ask the model for every window, in float32 whatever it was trained in.

    With several `turns` each window is heard that many times, turned round by equal steps, and the answer is the
    mean of the probabilities; its embedding is that of the window as it is.
    """
    logits, embeddings = [], []
    for start in range(0, len(windows), _BATCH):
        waves = as_waves(windows.samples[windows.windows[start : start + _BATCH]], device)
        heard = [model(waves.roll(turn * waves.shape[1] // turns, dims=1)) for turn in range(turns)]
        logits.append(_mean_answer([output.logits.float() for output in heard]).cpu().numpy())
        embeddings.append(heard[0].embedding.float().cpu().numpy())
    return Predictions(np.concatenate(logits), np.concatenate(embeddings), windows.labels, windows.clips)


def class_reports(predictions: Predictions, labels: tuple[str, ...]) -> list[ClassReport]:
    """Precision, recall and F1 of each class, the weakest first."""
    confusion = predictions.confusion(len(labels))
    reports = [_class_report(confusion, labels, number) for number in range(len(labels))]
    return sorted(reports, key=lambda report: report.f1)


def join(parts: list[Predictions]) -> Predictions:
    """The answers of several models, each to its own windows, as one."""
    return Predictions(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.embedding for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.clips for part in parts]),
    )


def save_predictions(path: Path, predictions: Predictions, dataset: Dataset, folds: tuple[int, ...]) -> None:
    """Write one row per window (Parquet). `confidence` is the softmax of the logits, not calibrated."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    clips = [dataset.clips[i] for i in predictions.clips]
    confidence = np.exp(_log_softmax(predictions.logits)).max(1)
    table = pa.table(
        {
            "filename": [clip.path.name for clip in clips],
            "source": [clip.source for clip in clips],
            "window": pa.array(_numbers_within(predictions.clips), pa.int32()),
            "fold": pa.array([folds[i] for i in predictions.clips], pa.int16()),
            "label": pa.array(predictions.labels, pa.int16()),
            "category": [dataset.labels[i] for i in predictions.labels],
            "predicted": pa.array(predictions.predicted, pa.int16()),
            "predicted_category": [dataset.labels[i] for i in predictions.predicted],
            "confidence": pa.array(confidence, pa.float32()),
            "logits": _vectors(predictions.logits),
            "embedding": _vectors(predictions.embedding),
        }
    ).replace_schema_metadata({"labels": "\n".join(dataset.labels), "dataset": dataset.name})
    with replacing(path) as aside:
        pq.write_table(table, aside)


def _mean_answer(logits: list[Tensor]) -> Tensor:
    """Logits whose softmax is the mean of those given."""
    if len(logits) == 1:
        return logits[0]
    return torch.stack(logits).log_softmax(-1).logsumexp(0)


def _numbers_within(clips: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each window in its clip, from 0; windows of a clip stand together."""
    starts = np.flatnonzero(np.diff(clips, prepend=-1))
    return np.arange(len(clips)) - np.repeat(starts, np.diff(starts, append=len(clips)))


def _vectors(rows: NDArray[np.float32]) -> object:
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel(), pa.float32()), rows.shape[1])


def _class_report(confusion: NDArray[np.int64], labels: tuple[str, ...], number: int) -> ClassReport:
    hits = int(confusion[number, number])
    support, claimed = int(confusion[number].sum()), int(confusion[:, number].sum())
    others = confusion[number].copy()
    others[number] = 0
    return ClassReport(
        labels[number],
        support,
        precision=hits / claimed if claimed else 0.0,
        recall=hits / support if support else 0.0,
        f1=2 * hits / (support + claimed) if support + claimed else 0.0,
        mistaken_for=labels[others.argmax()] if others.any() else "",
    )


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = logits - logits.max(1, keepdims=True)
    result: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return result
