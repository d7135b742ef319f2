"""Asks a model on a GPU with as little around it as there can be: pinned memory, a stream, and CUDA graphs.

The road is that of the service: waveforms in host memory, over the bus, through the model, and the answers back in
host memory. 16-bit PCM takes half the bus, and is widened on the GPU.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack

import torch
from torch import Tensor

from training.data.cache import FULL_SCALE

Compute = Callable[[Tensor], Sequence[Tensor]]
"""Waveforms [B, N] in float32 on the device → logits, embedding and the like on the device."""

_WARM_UPS = 3  # before a capture: libraries allocate and choose kernels in their first runs


def without_tf32() -> None:
    """It is up to 16 dB off on steep spectra. Kernels are chosen by trying: shapes do not change here."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.benchmark = True


def host_memory(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """Zeros that this device reads without the help of the processor."""
    return torch.zeros(shape, dtype=dtype, pin_memory=device.type == "cuda")


class DeviceSession:
    """For batches of one size, with a stream of its own and, if asked, one CUDA graph for all that is computed."""

    def __init__(self, compute: Compute, device: torch.device, waves: Tensor, captured: bool) -> None:
        """`waves`: [B, N] in host memory, float32 or int16, what is to be heard at each run."""
        self.waves = waves
        self._compute = compute
        self._gpu = device.type == "cuda"
        self._arrived = torch.zeros(waves.shape, dtype=waves.dtype, device=device) if self._gpu else waves
        self._widened = self._arrived if waves.dtype == torch.float32 else torch.zeros(waves.shape, device=device)
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
        self._answers = tuple(torch.empty(tensor.shape, pin_memory=self._gpu) for tensor in outputs)

    def run(self) -> tuple[Tensor, ...]:
        """Copy there, compute, copy back, and wait for it; the answers are overwritten by the next run."""
        with self._on_stream():
            self._enqueue()
        if self._stream is not None:
            self._stream.synchronize()
        return self._answers

    def device_ms(self) -> float:
        """The same, timed by the GPU's own clock: from its first copy to its last."""
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        with self._on_stream():
            begin.record()
            self._enqueue()
            end.record()
        end.synchronize()
        return float(begin.elapsed_time(end))

    def _enqueue(self) -> None:
        self._arrived.copy_(self.waves, non_blocking=True)  # onto itself where there is no GPU: nothing is done
        if self._graph is None:
            self._outputs = self._forward()
        else:
            self._graph.replay()
        for answer, output in zip(self._answers, self._outputs, strict=True):
            answer.copy_(output, non_blocking=True)

    def _forward(self) -> Sequence[Tensor]:
        if self._widened is not self._arrived:
            torch.mul(self._arrived, 1 / FULL_SCALE, out=self._widened)
        return self._compute(self._widened)

    def _capture(self) -> tuple[torch.cuda.CUDAGraph, Sequence[Tensor]]:
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
