"""Runs a graph on the CPU as the service will: ONNX Runtime, and how it is asked for many windows."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from export.graph import INPUT, OUTPUTS
from training.evaluation import Predictions
from training.material import WindowSet

_BATCH = 16  # larger ones gain nothing on a CPU


class Session:
    """A graph, loaded."""

    def __init__(self, graph: onnx.ModelProto, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, waves: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """[B, N] → logits and embedding."""
        logits, embedding = self._session.run(list(OUTPUTS), {INPUT: waves})
        return logits, embedding


def ask(session: Session, windows: WindowSet) -> Predictions:
    """The answers of a graph to these windows."""
    logits, embeddings = zip(*map(session, windows.waves(_BATCH)), strict=True)
    return Predictions(np.concatenate(logits), np.concatenate(embeddings), windows.labels, windows.clips)
