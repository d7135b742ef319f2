"""ONNX Runtime, on the CPU or by CUDA: the engine that runs everywhere."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from contract.bundle import OUTPUTS
from service.engines.base import EngineError, EngineFacts, Outputs, Samples
from service.model import Graph

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_ERRORS_ONLY = 3
DEVICES = {CPU: "cpu", CUDA: "cuda"}


@dataclass
class OnnxSession:
    """A loaded graph. With one thread it computes on its caller's, so several replicas may share it."""

    graph: Graph
    provider: str = CPU
    threads: int = 1
    _session: Any = None
    _warm: bool = False
    _lock: Lock = field(default_factory=Lock)

    def get(self) -> Any:  # noqa: ANN401  (onnxruntime has no types)
        """The session, loaded by whoever asks first."""
        with self._lock:
            if self._session is None:
                self._session = _load(self.graph, self.provider, self.threads)
            return self._session

    def begin_warm_up(self) -> bool:
        """Whether nobody else has warmed it up; whoever asks first is to do it."""
        with self._lock:
            first, self._warm = not self._warm, True
            return first

    def drop(self, session: Any) -> None:  # noqa: ANN401
        """Forget this one: the next who asks gets a new one."""
        with self._lock:
            if self._session is session:
                self._session, self._warm = None, False


class OnnxEngine:
    """One replica on a session of its own or a shared one."""

    staging: Samples

    def __init__(self, session: OnnxSession, max_batch: int, window_samples: int) -> None:
        self._source = session
        self._shape = (max_batch, window_samples)
        self._session: Any = None

    def load(self) -> None:
        """Load the graph, and allocate the batch buffer once."""
        self.close()
        self._session = self._source.get()
        self._input = self._session.get_inputs()[0].name
        names = [output.name for output in self._session.get_outputs()]
        self._outputs = [names[0] if OUTPUTS[0] not in names else OUTPUTS[0], *[n for n in names if n == OUTPUTS[1]]]
        self.staging = np.zeros(self._shape, np.float32)

    def warm_up(self) -> None:
        """Memory is planned per batch size: run each once, by one of those that share the session."""
        if self._source.begin_warm_up():
            for count in range(1, len(self.staging) + 1):
                self.infer(count)

    def infer(self, count: int) -> Outputs:
        """Run the first rows of `staging`."""
        try:
            answers = self._session.run(self._outputs, {self._input: self.staging[:count]})
        except Exception as error:  # the library's errors have no common ancestor
            raise EngineError(f"ONNX Runtime failed on {self._source.graph.path.name}: {error}") from error
        return Outputs(answers[0], answers[1] if len(answers) > 1 else None)

    def describe(self) -> EngineFacts:
        """What runs here."""
        graph = self._source.graph
        device = DEVICES[self._source.provider]
        return EngineFacts("onnx", version(), graph.precision, device, graph.path.name, graph.sha256)

    def close(self) -> None:
        """Let go of the session, which may be what was wrong: whoever shares it keeps it, whoever comes does not."""
        if self._session is not None:
            self._source.drop(self._session)
        self._session = None


def version() -> str:
    """Of the ONNX Runtime that is installed."""
    import onnxruntime

    return str(onnxruntime.__version__)


def is_here(provider: str) -> bool:
    """Whether the ONNX Runtime that is installed brings this provider."""
    import onnxruntime

    return provider in onnxruntime.get_available_providers()


def _load(graph: Graph, provider: str, threads: int) -> Any:  # noqa: ANN401
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    settings = {"use_tf32": "0"} if provider == CUDA else {}
    try:
        session = onnxruntime.InferenceSession(graph.path, options, providers=[(provider, settings)])
    except Exception as error:  # the library's errors have no common ancestor
        raise EngineError(f"ONNX Runtime cannot load {graph.path}: {error}") from error
    if (used := session.get_providers()[0]) != provider:  # it falls back without an error
        raise EngineError(f"ONNX Runtime fell back from {provider} to {used}: its CUDA libraries do not load")
    return session
