"""The engines that a GPU can run the model with, behind one interface: fill pinned memory, run, read the answer.

Each takes the same road as in the service: waveforms in host memory, over the bus, through the engine, and logits and
embedding back in host memory. 16-bit PCM takes half the bus; where an engine wants float32, it is widened on the GPU.
"""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Protocol, cast

import onnx
import torch
from torch import Tensor, nn

from contract.bundle import INPUT, OUTPUTS
from contract.errors import EarshotError
from export.engines import PROPER_NAMES, UnavailableError, no_library
from export.gpu.plans import Plan
from export.graph import HalfClassifier, taking_pcm16
from training.data.cache import FULL_SCALE
from training.model import Classifier

Compute = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Waveforms [B, N] in float32 on the device → logits and embedding on the device."""

_WARM_UPS = 3  # before a capture: libraries allocate and choose kernels in their first runs


class Session(Protocol):
    """An engine made ready for one batch size and one kind of samples."""

    waves: Tensor
    """[B, N] in host memory: what is to be heard."""

    def run(self) -> Tensor:
        """The logits [B, classes] in host memory, overwritten by the next run."""
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


class DeviceSession:
    """Pinned memory, a stream of its own and, if asked, one CUDA graph for all kernels between the copies."""

    def __init__(
        self, compute: Compute, device: torch.device, shape: tuple[int, int], dtype: torch.dtype, captured: bool
    ) -> None:
        self._gpu = device.type == "cuda"
        self.waves = torch.zeros(shape, dtype=dtype, pin_memory=self._gpu)
        self._compute = compute
        self._arrived = torch.zeros(shape, dtype=dtype, device=device)
        self._widened = self._arrived if dtype == torch.float32 else torch.zeros(shape, device=device)
        self._stream = torch.cuda.Stream(device) if self._gpu else None  # type: ignore[no-untyped-call]
        self._synchronise_device()  # what was made above was made on another stream
        with self._on_stream():
            for _ in range(_WARM_UPS):
                outputs = self._forward()
        self._synchronise_device()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._outputs = outputs
        if captured:
            self._graph, self._outputs = self._capture()
        self._answers = [torch.empty(tensor.shape, pin_memory=self._gpu) for tensor in outputs]

    def run(self) -> Tensor:
        """Copy there, compute, copy back, and wait for it."""
        with self._on_stream():
            self._arrived.copy_(self.waves, non_blocking=True)
            if self._graph is None:
                self._outputs = self._forward()
            else:
                self._graph.replay()
            for answer, output in zip(self._answers, self._outputs, strict=True):
                answer.copy_(output, non_blocking=True)
        if self._stream is not None:
            self._stream.synchronize()
        return self._answers[0]

    def _forward(self) -> tuple[Tensor, Tensor]:
        if self._widened is not self._arrived:
            torch.mul(self._arrived, 1 / FULL_SCALE, out=self._widened)
        return self._compute(self._widened)

    def _capture(self) -> tuple[torch.cuda.CUDAGraph, tuple[Tensor, Tensor]]:
        """Of this thread only: libraries have threads of their own, which may allocate meanwhile."""
        graph = torch.cuda.CUDAGraph()
        recording = torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local")
        with torch.inference_mode(), recording:
            outputs = self._forward()
        return graph, outputs

    def _on_stream(self) -> AbstractContextManager[object]:
        contexts = ExitStack()
        contexts.enter_context(torch.inference_mode())
        if self._stream is not None:
            contexts.enter_context(torch.cuda.stream(self._stream))
        return contexts

    def _synchronise_device(self) -> None:
        if self._gpu:
            torch.cuda.synchronize()


@dataclass(frozen=True)
class TorchEngine:
    """PyTorch, eager or compiled."""

    module: nn.Module
    device: torch.device
    samples: int
    captured: bool = False

    def session(self, batch: int, dtype: torch.dtype) -> DeviceSession:
        """Ready for batches of this size, in float32 or int16."""
        return DeviceSession(self.module, self.device, (batch, self.samples), dtype, self.captured)


@dataclass(frozen=True)
class TensorRTEngine:
    """A plan of TensorRT, or of TensorRT for RTX."""

    plan: Plan
    device: torch.device
    captured: bool = False

    def session(self, batch: int, dtype: torch.dtype) -> DeviceSession:
        """Ready for batches of this size, in float32 or int16; an execution context of its own."""
        compute = self.plan.context(batch, self.device)
        return DeviceSession(compute, self.device, (batch, self.plan.samples), dtype, self.captured)


class OnnxSession:
    """ONNX Runtime, which does its own copies."""

    def __init__(self, content: bytes, shape: tuple[int, int], dtype: torch.dtype, provider: str) -> None:
        import onnxruntime

        options = {"use_tf32": "0"} if provider == "CUDAExecutionProvider" else {}
        self._session = onnxruntime.InferenceSession(content, providers=[(provider, options)])
        if (used := self._session.get_providers()[0]) != provider:  # it falls back without an error
            raise EarshotError(f"ONNX Runtime fell back from {provider} to {used}: its CUDA libraries do not load")
        self.waves = torch.zeros(shape, dtype=dtype, pin_memory=provider == "CUDAExecutionProvider")

    def run(self) -> Tensor:
        """Copy there, compute, copy back."""
        logits, _ = self._session.run(list(OUTPUTS), {INPUT: self.waves.numpy()})
        return torch.from_numpy(logits)


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
    half = partial(_half_module, model, device)
    found = [
        Candidate("torch float32", False, lambda: TorchEngine(_float_module(model, device), device, samples)),
        Candidate("torch half", True, lambda: TorchEngine(half(), device, samples)),
    ]
    if device.type == "cuda":
        graph = Candidate("torch half, CUDA graph", True, lambda: TorchEngine(half(), device, samples, captured=True))
        found.append(graph)
    if compiled:
        found.append(Candidate("torch.compile half", True, lambda: TorchEngine(_compiled(half()), device, samples)))
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
            raise UnavailableError(f"the onnxruntime that is installed has no {provider}: pip install 'earshot[gpu]'")
        return OnnxEngine(graph(), samples, provider)

    return Candidate("onnxruntime half", True, make)


def _float_module(model: Classifier, device: torch.device) -> nn.Module:
    return copy.deepcopy(model).to(device)


def _half_module(model: Classifier, device: torch.device) -> nn.Module:
    """With channels last, as tensor cores read them."""
    module: nn.Module = HalfClassifier(copy.deepcopy(model)).eval().to(device)
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _compiled(module: nn.Module) -> nn.Module:
    return cast("nn.Module", torch.compile(module))
