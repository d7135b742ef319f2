"""Runs a TensorRT plan on buffers and streams of PyTorch."""

from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor

from contract.bundle import INPUT, OUTPUTS
from contract.engine_file import Note, Profile
from contract.tensorrt_kept import PROFILES, kept_engine
from contract.tensorrt_plan import Context, Plan, unsupported


def plan_for(trt: ModuleType, onnx_bytes: bytes, note: Note, profiles: tuple[Profile, ...] = PROFILES) -> Plan:
    """The engine for this graph and the GPU that is there: kept from last time, or built now."""
    capability, name = torch.cuda.get_device_capability(), torch.cuda.get_device_name()
    ready = kept_engine(trt, onnx_bytes, profiles, capability, name, note)
    return Plan(trt, ready.plan, profiles, unsupported(trt, capability))


def compute_by(plan: Plan, batch: int, device: torch.device) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """A function for batches of this size; its outputs are overwritten by its next call.

    It only enqueues, on the current stream, so that it can be captured into a CUDA graph after a first call.
    """
    stream = torch.cuda.current_stream()
    context = plan.context(batch, stream.cuda_stream)
    stream.synchronize()
    logits, embedding = (_output(context, name, device) for name in OUTPUTS)

    def compute(waves: Tensor) -> tuple[Tensor, Tensor]:
        context.bind(INPUT, waves.data_ptr())
        context.enqueue(torch.cuda.current_stream(device).cuda_stream)
        return logits, embedding

    return compute


def _output(context: Context, name: str, device: torch.device) -> Tensor:
    tensor = torch.empty(context.shape(name), device=device)
    context.bind(name, tensor.data_ptr())
    return tensor
