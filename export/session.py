"""Runs a graph on the CPU as the service will: by ONNX Runtime."""

from typing import Any

import onnx
import onnxruntime
from numpy.typing import NDArray

from contract.bundle import INPUT, OUTPUTS


class Session:
    """A graph, loaded."""

    def __init__(self, graph: onnx.ModelProto | bytes, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        content = graph if isinstance(graph, bytes) else graph.SerializeToString()
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def __call__(self, waves: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """[B, N] → logits and embedding."""
        logits, embedding = self._session.run(list(OUTPUTS), {INPUT: waves})
        return logits, embedding
