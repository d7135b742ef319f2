"""The engines that a GPU can run the model with, behind one interface: fill pinned memory, run, read the answer.

Each takes the same road as in the service: see training/device_session.py.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Protocol, cast

import onnx
import torch
from torch import Tensor, nn

from contract.bundle import INPUT, OUTPUTS
from contract.errors import EarshotError, UnavailableError
from contract.tensorrt_kept import PROPER_NAMES, no_library
from contract.tensorrt_plan import Plan
from export.gpu.plans import compute_by
from export.graph import taking_pcm16
from training.device_session import Compute, DeviceSession, host_memory
from training.half import half_on
from training.model import Classifier


class Session(Protocol):
    """An engine made ready for one batch size and one kind of samples."""

    waves: Tensor
    """[B, N] in host memory: what is to be heard."""

    def run(self) -> tuple[Tensor, ...]:
        """Logits and embedding in host memory, overwritten by the next run."""
        ...


class Engine(Protocol):
    """A model in the form that some library runs."""

    def session(self, batch: int, dtype: torch.dtype) -> Session:
        """Ready for batches of this size, in float32 or int16."""
        ...


@dataclass(frozen=True)
class Candidate:
    """An engine that may be had on this machine, not yet made."""

    name: str
    half: bool
    make: Callable[[], Engine]


@dataclass(frozen=True)
class TorchEngine:
    """PyTorch, eager or compiled: a model, or a part of one."""

    compute: Compute
    device: torch.device
    shape: tuple[int, ...]
    """Of one row of a batch: samples of a waveform, where it is a whole model."""
    captured: bool = False

    def session(self, batch: int, dtype: torch.dtype) -> DeviceSession:
        """Ready for batches of this size, in float32 or int16."""
        waves = host_memory((batch, *self.shape), self.device, dtype)
        return DeviceSession(self.compute, self.device, waves, self.captured)


@dataclass(frozen=True)
class TensorRTEngine:
    """A plan of TensorRT, or of TensorRT for RTX."""

    plan: Plan
    device: torch.device
    captured: bool = False

    def session(self, batch: int, dtype: torch.dtype) -> DeviceSession:
        """Ready for batches of this size, in float32 or int16; an execution context of its own."""
        compute = compute_by(self.plan, batch, self.device)
        waves = host_memory((batch, self.plan.samples), self.device, dtype)
        return DeviceSession(compute, self.device, waves, self.captured)


class OnnxSession:
    """ONNX Runtime, which does its own copies."""

    def __init__(self, content: bytes, shape: tuple[int, int], dtype: torch.dtype, provider: str) -> None:
        import onnxruntime

        options = {"use_tf32": "0"} if provider == "CUDAExecutionProvider" else {}
        self._session = onnxruntime.InferenceSession(content, providers=[(provider, options)])
        if (used := self._session.get_providers()[0]) != provider:  # it falls back without an error
            raise EarshotError(f"ONNX Runtime fell back from {provider} to {used}: its CUDA libraries do not load")
        device = torch.device("cuda" if provider == "CUDAExecutionProvider" else "cpu")
        self.waves = host_memory(shape, device, dtype)

    def run(self) -> tuple[Tensor, ...]:
        """Copy there, compute, copy back."""
        return tuple(map(torch.from_numpy, self._session.run(list(OUTPUTS), {INPUT: self.waves.numpy()})))


@dataclass(frozen=True)
class OnnxEngine:
    """A graph that takes PCM by itself."""

    graph: onnx.ModelProto
    samples: int
    provider: str

    def session(self, batch: int, dtype: torch.dtype) -> OnnxSession:
        """Ready for batches of this size, in float32 or int16."""
        graph = taking_pcm16(self.graph) if dtype == torch.int16 else self.graph
        return OnnxSession(graph.SerializeToString(), (batch, self.samples), dtype, self.provider)


def torch_candidates(
    model: Classifier, device: torch.device, samples: int, compiled: bool = False
) -> list[Candidate]:
    """PyTorch itself, in the precisions and ways that this device has."""
    half, shape = partial(half_on, model, device), (samples,)
    found = [
        Candidate("torch float32", False, lambda: TorchEngine(_float_module(model, device), device, shape)),
        Candidate("torch half", True, lambda: TorchEngine(half(), device, shape)),
    ]
    if device.type == "cuda":
        graph = Candidate("torch half, CUDA graph", True, lambda: TorchEngine(half(), device, shape, captured=True))
        found.append(graph)
    if compiled:
        found.append(Candidate("torch.compile half", True, lambda: TorchEngine(_compiled(half()), device, shape)))
    return found


def tensorrt_candidates(
    trt: ModuleType | None, load: Callable[[ModuleType], Plan], device: torch.device
) -> list[Candidate]:
    """TensorRT with and without a CUDA graph; where it is not installed, the column says so."""

    def make(captured: bool) -> TensorRTEngine:
        if trt is None:
            raise no_library()
        return TensorRTEngine(load(trt), device, captured)

    name = PROPER_NAMES[trt.__name__] if trt else "TensorRT"
    return [
        Candidate(name, True, lambda: make(captured=False)),
        Candidate(f"{name}, CUDA graph", True, lambda: make(captured=True)),
    ]


def onnx_candidate(graph: Callable[[], onnx.ModelProto], samples: int, provider: str) -> Candidate:
    """ONNX Runtime with this provider."""

    def make() -> OnnxEngine:
        import onnxruntime

        if provider not in onnxruntime.get_available_providers():
            raise UnavailableError(f"the onnxruntime that is installed has no {provider}: pip install -e '.[gpu]'")
        return OnnxEngine(graph(), samples, provider)

    return Candidate("onnxruntime half", True, make)


def _float_module(model: Classifier, device: torch.device) -> nn.Module:
    return copy.deepcopy(model).to(device)


def _compiled(module: nn.Module) -> nn.Module:
    return cast("nn.Module", torch.compile(module))
