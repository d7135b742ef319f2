"""A TensorRT plan, loaded onto a GPU: of native TensorRT, or else of TensorRT for RTX.

What there is to say to either library, and nothing of how memory and streams are had: these are PyTorch's in the GPU
check and CUDA's own in the service, and come as addresses and handles.
"""

from types import ModuleType
from typing import Any

from contract.engine_file import Profile
from contract.errors import EarshotError, UnavailableError
from contract.tensorrt import architecture_name, builds_for, error_logger
from contract.tensorrt_kept import PROPER_NAMES


class PlanError(EarshotError):
    """A plan cannot be loaded or run; the message holds the library's reason."""


class Plan:
    """One plan, from which several threads may make contexts. It lives as long as one of these does."""

    def __init__(self, trt: ModuleType, plan: bytes, profiles: tuple[Profile, ...], unsupported: str = "") -> None:
        """`unsupported`: name of the GPU's architecture, where the library is not made for it."""
        self._trt = trt
        self._profiles = profiles
        self._unsupported = unsupported
        self._errors: list[str] = []
        self._runtime = trt.Runtime(error_logger(trt, self._errors))  # must outlive what it loads
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise self.refusal("does not load its own plan")
        self.input, self.outputs = self._tensors()
        self.samples: int = self._engine.get_tensor_shape(self.input)[1]

    @property
    def workspace_bytes(self) -> int:
        """Of memory on the GPU that one run needs besides inputs and outputs."""
        return int(self._engine.device_memory_size_v2)

    def context(self, batch: int, stream: int, workspace: int | None = None) -> "Context":
        """Ready for batches of this size, once all is done that it puts on this stream.

        `workspace`: address of so much memory as is needed, for contexts that never run at once to share. Without it
        the context has its own.
        """
        index = profile_for(batch, self._profiles)
        context = self._new_context(shared=workspace is not None)
        if context is None:
            raise self.refusal("has no room for its plan")
        if workspace is not None:
            context.set_device_memory(workspace, self.workspace_bytes)
        chosen = context.set_optimization_profile_async(index, stream)
        if not chosen or not context.set_input_shape(self.input, (batch, self.samples)):
            raise self.refusal(f"refuses batches of {batch}")
        return Context(self, context)

    def refusal(self, what: str) -> EarshotError:
        """The error for what the library will not do, which is nobody's fault on a GPU that it is not made for."""
        reason = self._errors[0] if self._errors else "it gives no reason"
        self._errors.clear()  # so that the next refusal is not told with this one's reason
        if self._unsupported:
            return UnavailableError(
                f"{PROPER_NAMES[self._trt.__name__]} does not support {self._unsupported}: {reason}"
            )
        return PlanError(f"{self._trt.__name__} {what}: {reason}")

    def _tensors(self) -> tuple[str, tuple[str, ...]]:
        """Name of the input and names of the outputs, all of float32."""
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        for name in names:
            if (dtype := self._engine.get_tensor_dtype(name)) != self._trt.float32:
                raise PlanError(f"the graph has {name} in {dtype}: it must take and give float32")
        taken = [name for name in names if self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT]
        return taken[0], tuple(name for name in names if name not in taken)

    def _new_context(self, shared: bool) -> Any:  # noqa: ANN401  (an IExecutionContext of either module)
        """TensorRT for RTX compiles kernels for a shape in the background, too late for a capture, unless told."""
        strategies = self._trt.ExecutionContextAllocationStrategy
        memory = strategies.USER_MANAGED if shared else strategies.STATIC
        specialisations = getattr(self._trt, "DynamicShapesKernelSpecializationStrategy", None)
        if specialisations is None:
            return self._engine.create_execution_context(memory)
        config = self._engine.create_runtime_config()
        config.dynamic_shapes_kernel_specialization_strategy = specialisations.EAGER
        config.set_execution_context_allocation_strategy(memory)
        return self._engine.create_execution_context(config)


class Context:
    """What runs batches of one size, by one thread at a time. A CUDA graph needs one of its own."""

    def __init__(self, plan: Plan, context: Any) -> None:  # noqa: ANN401
        self._plan = plan
        self._context = context

    def shape(self, name: str) -> tuple[int, ...]:
        """Of this input or output, for batches of this size."""
        shape = tuple(self._context.get_tensor_shape(name))
        if min(shape, default=1) < 1:  # TensorRT's sign for a size that it will only know after a run
            raise PlanError(f"the size of {name} depends on what is heard: no memory can be set aside for it")
        return shape

    def bind(self, name: str, address: int) -> None:
        """Where on the GPU this input or output lies, until it is told otherwise."""
        if not self._context.set_tensor_address(name, address):
            raise self._plan.refusal(f"takes no memory for {name}")

    def enqueue(self, stream: int) -> None:
        """Put one run on this stream and do not wait for it. A CUDA graph can capture any but the first."""
        if not self._context.execute_async_v3(stream):
            raise self._plan.refusal("does not run its plan")


def unsupported(trt: ModuleType, capability: tuple[int, int]) -> str:
    """The architecture, where TensorRT for RTX is not made for it and running there is an experiment."""
    made_for = trt.__name__ == "tensorrt" or builds_for(trt, capability)
    return "" if made_for else architecture_name(capability)


def profile_for(batch: int, profiles: tuple[Profile, ...]) -> int:
    """The first profile that takes batches of this size."""
    for index, profile in enumerate(profiles):
        if profile.smallest <= batch <= profile.largest:
            return index
    ranges = ", ".join(f"{profile.smallest} to {profile.largest}" for profile in profiles)
    raise PlanError(f"the engine was not built for batches of {batch}, only of {ranges}")
