"""What the batcher asks of an engine, and what an engine says of itself."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from contract.errors import EarshotError

Samples = NDArray[np.float32]

Wave = Samples | NDArray[np.int16]
"""What is heard: between −1 and 1, or as 16-bit files hold it, half the size while it waits."""


class EngineError(EarshotError):
    """An engine cannot be had, or does not run; the message names it and what to do."""


class Outputs(NamedTuple):
    """What a model answers to a batch; the caller owns the arrays."""

    logits: Samples
    """[B, classes]"""
    embedding: Samples | None
    """[B, D]; None where the graph has no such output."""


@dataclass(frozen=True)
class EngineFacts:
    """What `/v1/model`, metrics and answers say of the engine."""

    name: str
    """onnx, tensorrt, tensorrt_rtx or torch."""
    version: str
    """Of the library that runs the model."""
    precision: str
    """float32, float16 or int8; the front end is float32 in each."""
    device: str
    """cpu, or the name of the GPU."""
    graph: str
    """Name of the file that it runs."""
    sha256: str
    """Of that file."""


class Engine(Protocol):
    """One replica: used by one thread at a time. Nothing is loaded before `load`, which may be called again."""

    staging: Samples
    """[largest batch, window samples], made once by `load`: its first rows are filled, then `infer` is called."""

    def load(self) -> None:
        """Get ready; may take minutes where an engine has to be built. Called again after a failure."""
        ...

    def warm_up(self) -> None:
        """Run every batch size once, so that no request pays for a first time."""
        ...

    def infer(self, count: int) -> Outputs:
        """Run the first `count` rows of `staging`."""
        ...

    def describe(self) -> EngineFacts:
        """What this is; known after `load`."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...
