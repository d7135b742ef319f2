"""The engines and precisions that may be had for a bundle, by the names that the command line takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH, WEIGHTS
from contract.errors import EarshotError
from service.engines.choose import GPU_FILES

Kind = Literal["torch", "onnx", "plan"]


@dataclass(frozen=True)
class Engine:
    """One of them, not yet made."""

    name: str
    title: str
    kind: Kind
    form: str
    """Of PyTorch: one of export.parts.FORMS; of ONNX Runtime: its provider; of TensorRT: the library."""
    precision: str
    graph: str
    """Of the bundle: what is run, or what is the same arithmetic; its operations are the floor."""
    gpu: bool = False

    @property
    def file(self) -> str:
        """Of the bundle: what is loaded."""
        return WEIGHTS if self.kind == "torch" else self.graph

    @property
    def is_compiled(self) -> bool:
        """Whether each batch size costs tens of seconds before it can be run."""
        return self.form == "compiled"

    @property
    def library(self) -> str:
        """What must be installed."""
        return {"torch": "torch", "onnx": "onnxruntime", "plan": self.form}[self.kind]


REFERENCE = Engine("torch", "PyTorch eager", "torch", "eager", "float32", FLOAT_GRAPH)
"""What the others have to agree with."""

ENGINES = (
    Engine("torchaudio", "PyTorch eager, torchaudio mel", "torch", "torchaudio", "float32", FLOAT_GRAPH),
    REFERENCE,
    Engine("torch-compile", "torch.compile", "torch", "compiled", "float32", FLOAT_GRAPH),
    Engine("onnx-float32", "ONNX Runtime float32", "onnx", "CPUExecutionProvider", "float32", FLOAT_GRAPH),
    Engine("onnx-int8", "ONNX Runtime INT8", "onnx", "CPUExecutionProvider", "int8", INT8_GRAPH),
    Engine("torch-gpu", "PyTorch eager, GPU", "torch", "eager", "float32", FLOAT_GRAPH, gpu=True),
    Engine("torch-gpu-half", "PyTorch half, GPU", "torch", "half", "float16", HALF_GRAPH, gpu=True),
    Engine("torch-gpu-compile", "torch.compile half, GPU", "torch", "compiled", "float16", HALF_GRAPH, gpu=True),
    Engine("torch-cuda-graph", "PyTorch half, CUDA graph", "torch", "captured", "float16", HALF_GRAPH, gpu=True),
    Engine("onnx-cuda", "ONNX Runtime CUDA FP16", "onnx", "CUDAExecutionProvider", "float16", HALF_GRAPH, gpu=True),
    Engine("tensorrt", "TensorRT FP16", "plan", "tensorrt", "float16", HALF_GRAPH, gpu=True),
    Engine("tensorrt-rtx", "TensorRT for RTX FP16", "plan", "tensorrt_rtx", "float16", HALF_GRAPH, gpu=True),
)  # fmt: skip

_EXTRA_OF = {"torch": "train", "onnxruntime": "serve"}


def chosen(names: Sequence[str] | None) -> tuple[Engine, ...]:
    """Those of these names, or all, in the order of the tables."""
    known = [engine.name for engine in ENGINES]
    if unknown := [name for name in names or () if name not in known]:
        raise EarshotError(f"there is no engine {unknown[0]!r}; there are {', '.join(known)}")
    return tuple(engine for engine in ENGINES if not names or engine.name in names)


def absence(engine: Engine) -> str:
    """Why this machine cannot have it, as far as a look tells; nothing where it may be had."""
    if engine.gpu and not any(file.exists() for file in GPU_FILES):
        return "no NVIDIA GPU is seen here"
    if find_spec(engine.library) is None:
        extra = "gpu" if engine.gpu else _EXTRA_OF.get(engine.library, "gpu")
        return f"{engine.library} is not installed: pip install -e '.[{extra}]'"
    return ""
