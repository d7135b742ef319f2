"""What a run tells those who watch it: the terminal, TensorBoard, a test."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from training.checkpoint import ModelFacts
from training.evaluation import Predictions
from training.material import WindowSet

if TYPE_CHECKING:
    from training.loop import Run


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
    side: Literal["held_out", "validation"]
    windows: WindowSet
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
