"""Runs a TensorRT plan on buffers and streams of PyTorch: of native TensorRT, or else of TensorRT for RTX."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from contract.bundle import INPUT, OUTPUTS
from contract.engine_file import Note, Profile
from contract.errors import EarshotError
from export.engines import PROFILES, PROPER_NAMES, UnavailableError, kept_engine
from export.tensorrt import architecture_name, builds_for, error_logger


class PlanError(EarshotError):
    """A plan cannot be loaded or run; the message holds the library's reason."""


def plan_for(trt: ModuleType, onnx_bytes: bytes, note: Note) -> "Plan":
    """The engine for this graph and the GPU that is there: kept from last time, or built now."""
    capability, name = torch.cuda.get_device_capability(), torch.cuda.get_device_name()
    ready = kept_engine(trt, onnx_bytes, PROFILES, capability, name, note)
    return Plan(trt, ready.plan, PROFILES, unsupported(trt, capability))


def unsupported(trt: ModuleType, capability: tuple[int, int]) -> str:
    """The architecture, where TensorRT for RTX is not made for it and running there is an experiment."""
    made_for = trt.__name__ == "tensorrt" or builds_for(trt, capability)
    return "" if made_for else architecture_name(capability)


class Plan:
    """A plan, loaded onto the GPU."""

    def __init__(self, trt: ModuleType, plan: bytes, profiles: tuple[Profile, ...], unsupported: str = "") -> None:
        self._trt = trt
        self._profiles = profiles
        self._unsupported = unsupported
        self._errors: list[str] = []
        self._runtime = trt.Runtime(error_logger(trt, self._errors))  # must outlive what it loads
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise self._refusal("does not load its own plan")
        self.samples: int = self._engine.get_tensor_shape(INPUT)[1]

    def context(self, batch: int, device: torch.device) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """A function for batches of this size; its outputs are overwritten by its next call.

        It only enqueues, on the current stream, so that it can be captured into a CUDA graph after a first call. Each
        has an execution context of its own, as a captured graph must.
        """
        context = self._prepared(batch)
        logits, embedding = (self._output(context, name, device) for name in OUTPUTS)

        def compute(waves: Tensor) -> tuple[Tensor, Tensor]:
            context.set_tensor_address(INPUT, waves.data_ptr())
            if not context.execute_async_v3(torch.cuda.current_stream(device).cuda_stream):
                raise self._refusal("does not run its plan")
            return logits, embedding

        return compute

    def _prepared(self, batch: int) -> Any:  # noqa: ANN401  (an IExecutionContext of either module)
        index = profile_for(batch, self._profiles)
        context = self._new_context()
        if context is None:
            raise self._refusal("has no room for its plan")
        stream = torch.cuda.current_stream()
        chosen = context.set_optimization_profile_async(index, stream.cuda_stream)
        stream.synchronize()
        if not chosen or not context.set_input_shape(INPUT, (batch, self.samples)):
            raise self._refusal(f"refuses batches of {batch}")
        return context

    def _new_context(self) -> Any:  # noqa: ANN401
        """TensorRT for RTX compiles kernels for a shape in the background, too late for a capture, unless told."""
        strategies = getattr(self._trt, "DynamicShapesKernelSpecializationStrategy", None)
        if strategies is None:
            return self._engine.create_execution_context()
        config = self._engine.create_runtime_config()
        config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
        return self._engine.create_execution_context(config)

    @staticmethod
    def _output(context: Any, name: str, device: torch.device) -> Tensor:  # noqa: ANN401
        tensor = torch.empty(tuple(context.get_tensor_shape(name)), device=device)
        context.set_tensor_address(name, tensor.data_ptr())
        return tensor

    def _refusal(self, what: str) -> EarshotError:
        """The error for what the library will not do, which is nobody's fault on a GPU that it is not made for."""
        reason = self._errors[0] if self._errors else "it gives no reason"
        if self._unsupported:
            return UnavailableError(
                f"{PROPER_NAMES[self._trt.__name__]} does not support {self._unsupported}: {reason}"
            )
        return PlanError(f"{self._trt.__name__} {what}: {reason}")


def profile_for(batch: int, profiles: tuple[Profile, ...]) -> int:
    """The first profile that takes batches of this size."""
    for index, profile in enumerate(profiles):
        if profile.smallest <= batch <= profile.largest:
            return index
    ranges = ", ".join(f"{profile.smallest} to {profile.largest}" for profile in profiles)
    raise PlanError(f"the engine was not built for batches of {batch}, only of {ranges}")
