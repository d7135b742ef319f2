"""Makes the engine of a process, of whichever library: something that gives sessions for a part and a batch size.

Nothing of a library is imported before it is asked for: what a process holds is to be that of its engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency.engines import Engine
from contract.errors import UnavailableError
from export.part import FRONT_END, NETWORK, WHOLE, Part

HALF_FILES: dict[Part, str] = {FRONT_END: "front_end.onnx", NETWORK: "network.onnx"}
"""In a folder called as the graph that was cut."""


class Session(Protocol):
    """A part of an engine, ready for batches of one size."""

    waves: Any
    """What goes in, in host memory: whatever numpy can look at in place."""

    def run(self) -> Sequence[Any]:
        """What comes out, in host memory."""
        ...


class Made(Protocol):
    """An engine that is loaded."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """Those that it can be asked for."""
        ...

    def session(self, part: Part, batch: int) -> Session:
        """A part of it, ready for batches of this size."""
        ...


class OnnxSession:
    """A session of ONNX Runtime with the memory that it reads."""

    def __init__(self, runtime: Any, shape: tuple[int, ...]) -> None:  # noqa: ANN401  (onnxruntime has no types)
        self.waves: NDArray[np.float32] = np.zeros(shape, np.float32)
        self._runtime = runtime
        self._input = runtime.get_inputs()[0].name

    def run(self) -> Sequence[Any]:
        """Logits and embedding, or what the front end gives."""
        answers: Sequence[Any] = self._runtime.run(None, {self._input: self.waves})
        return answers


@dataclass(frozen=True)
class OnnxParts:
    """Graphs in ONNX Runtime, each loaded when it is first asked for, with the options of the service."""

    files: dict[Part, Path]
    precision: str
    provider: str
    threads: int

    @property
    def parts(self) -> tuple[Part, ...]:
        """Those that there is a graph of."""
        return tuple(self.files)

    def session(self, part: Part, batch: int) -> OnnxSession:
        """Ready for batches of this size; sessions of one part share a graph."""
        runtime = _runtime(self.files[part], self.precision, self.provider, self.threads)
        return OnnxSession(runtime, (batch, *runtime.get_inputs()[0].shape[1:]))


def prepare_library(engine: Engine) -> None:
    """Import what the engine runs by, so that loading is not charged with it."""
    if engine.kind == "onnx":
        import_module("onnxruntime")
        import_module("service.engines.onnx")
    else:
        import_module("export.parts")
    if engine.is_compiled:
        import_module("torch._dynamo")


def make(engine: Engine, folder: Path, halves: Path, threads: int, largest: int) -> Made:
    """The engine for the bundle in this folder; `halves`: where its graphs lie in parts."""
    file = folder / engine.file
    if engine.kind == "onnx":
        return _onnx_parts(engine, file, halves, threads)
    from export.parts import plan_parts, torch_parts

    if engine.kind == "torch":
        _set_threads(threads)
        return torch_parts(engine.form, file, engine.gpu)
    return plan_parts(engine.form, file, largest)


def _onnx_parts(engine: Engine, file: Path, halves: Path, threads: int) -> OnnxParts:
    from service.engines.onnx import is_here

    if not is_here(engine.form):
        raise UnavailableError(f"the onnxruntime that is installed has no {engine.form}: pip install -e '.[gpu]'")
    apart = {part: halves / file.name / name for part, name in HALF_FILES.items()}
    files: dict[Part, Path] = {WHOLE: file} | {part: path for part, path in apart.items() if path.is_file()}
    made = OnnxParts({WHOLE: file} if engine.gpu else files, engine.precision, engine.form, threads)
    made.session(WHOLE, 1)
    return made


@cache
def _runtime(file: Path, precision: str, provider: str, threads: int) -> Any:  # noqa: ANN401
    from service.engines.onnx import OnnxSession as Loaded
    from service.model import Graph

    return Loaded(Graph(file, precision, sha256=""), provider, threads).get()


def _set_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
