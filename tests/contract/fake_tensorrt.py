"""A TensorRT that loads any plan without a GPU. It notes what it is asked, and what it computes is easily checked.

As strict as the real one where an order matters: what is not chosen, sized, bound or given room is refused with a
reason in the log. Names that the real one does not have are errors.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.engine_file import Profile
from contract.tensorrt_kept import PROFILES

trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed: pip install -e '.[dev]'")
SAMPLES, CLASSES, WIDTH = 100, 4, 8
WORKSPACE = 4096
STREAM = 7
INPUT = "waveform"
OUTPUTS = {"logits": CLASSES, "embedding": WIDTH}

Waves = NDArray[np.float32]


def answers(waves: Waves) -> dict[str, Waves]:
    """What the plan makes of waveforms: each row for itself, no two numbers alike, and whole numbers stay exact."""
    heard: Waves = waves @ (np.arange(waves.shape[1], dtype=np.float32) % 7)
    logits: Waves = np.outer(heard, np.arange(1, CLASSES + 1, dtype=np.float32))
    embedding: Waves = np.outer(heard, -np.arange(1, WIDTH + 1, dtype=np.float32))
    return {"logits": logits, "embedding": embedding}


class Device(Protocol):
    """What executes: memory, and streams that are put to work."""

    def put(self, stream: int, work: Callable[[], None]) -> bool:
        """On this stream; False where the stream does not take it."""
        ...

    def array(self, address: int, shape: tuple[int, ...]) -> Waves:
        """What lies there in the memory of the GPU."""
        ...

    def holds(self, address: int, size: int) -> bool:
        """Whether so many bytes were set aside there."""
        ...


@dataclass
class Library:
    """How the library behaves; `refuses` names methods that fail."""

    name: str = "tensorrt"
    samples: int = SAMPLES
    profiles: tuple[Profile, ...] = PROFILES
    outputs: dict[str, int] = field(default_factory=lambda: dict(OUTPUTS))
    dtype: Any = trt.float32
    refuses: set[str] = field(default_factory=set)
    device: Device | None = None
    contexts: list["FakeContext"] = field(default_factory=list)
    loaded: list[bytes] = field(default_factory=list)
    """Plans, as they were loaded."""

    def module(self) -> ModuleType:
        """With all that the real one has, but for what needs a GPU."""
        module = ModuleType(self.name)
        module.__dict__.update(vars(trt) | {"__name__": self.name, "Runtime": self._runtime})
        if self.name == "tensorrt":
            del vars(module)["DynamicShapesKernelSpecializationStrategy"]  # TensorRT for RTX alone has it
        return module

    def _runtime(self, logger: Any) -> SimpleNamespace:  # noqa: ANN401
        def load(plan: bytes) -> "FakeEngine | None":
            if "deserialize_cuda_engine" in self.refuses:
                logger.log(trt.ILogger.Severity.WARNING, "it is a Monday")
                logger.log(trt.ILogger.Severity.ERROR, "the plan is of another age")
                return None
            self.loaded.append(plan)
            return FakeEngine(self, logger)

        return SimpleNamespace(deserialize_cuda_engine=load)


class FakeEngine:
    """An ICudaEngine."""

    device_memory_size_v2 = WORKSPACE

    def __init__(self, library: Library, logger: Any) -> None:  # noqa: ANN401
        self._library = library
        self._logger = logger
        self._names = [*library.outputs, INPUT]  # in no order that could be relied on

    @property
    def num_io_tensors(self) -> int:
        return len(self._names)

    def get_tensor_name(self, index: int) -> str:
        return self._names[index]

    def get_tensor_mode(self, name: str) -> Any:  # noqa: ANN401
        return trt.TensorIOMode.INPUT if name == INPUT else trt.TensorIOMode.OUTPUT

    def get_tensor_dtype(self, _name: str) -> Any:  # noqa: ANN401
        return self._library.dtype

    def get_tensor_shape(self, name: str) -> tuple[int, int]:
        return -1, self._library.samples if name == INPUT else self._library.outputs[name]

    def create_runtime_config(self) -> Any:  # noqa: ANN401
        assert self._library.name == "tensorrt_rtx"
        config = SimpleNamespace(dynamic_shapes_kernel_specialization_strategy=None, memory=None)
        config.set_execution_context_allocation_strategy = lambda strategy: setattr(config, "memory", strategy)
        return config

    def create_execution_context(self, settings: Any) -> "FakeContext | None":  # noqa: ANN401
        memory = settings
        if self._library.name == "tensorrt_rtx":
            memory = settings.memory
            eager = trt.DynamicShapesKernelSpecializationStrategy.EAGER
            assert settings.dynamic_shapes_kernel_specialization_strategy == eager
        if "create_execution_context" in self._library.refuses:
            return None
        context = FakeContext(self._library, self._logger, memory)
        self._library.contexts.append(context)
        return context


class FakeContext:
    """An IExecutionContext: notes each call that sets or runs something under its name."""

    def __init__(self, library: Library, logger: Any, memory: Any) -> None:  # noqa: ANN401
        self._library = library
        self._logger = logger
        self.memory = memory
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._profile = library.profiles[0]
        self._room: tuple[int, int] | None = None
        self._shape: tuple[int, ...] = ()
        self._places: dict[str, int] = {}

    def set_device_memory(self, address: int, size: int) -> None:
        self.calls.append(("set_device_memory", (address, size)))
        self._room = address, size

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        self._profile = self._library.profiles[index]
        return self._noted("set_optimization_profile_async", index, stream)

    def set_input_shape(self, name: str, shape: tuple[int, int]) -> bool:
        self._shape = shape
        fits = self._profile.smallest <= shape[0] <= self._profile.largest and shape[1] == self._library.samples
        return self._noted("set_input_shape", name, shape) and (fits or self._refused("the shape has no profile"))

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert name in {INPUT, *self._library.outputs}
        self._places[name] = address
        return self._noted("set_tensor_address", name, address)

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._shape if name == INPUT else (self._shape[0], self._library.outputs[name])

    def execute_async_v3(self, stream: int) -> bool:
        if not self._noted("execute_async_v3", stream):
            return False
        if self._places.keys() != {INPUT, *self._library.outputs} or not self._shape:
            return self._refused("a tensor is without shape or address")
        if self.memory == trt.ExecutionContextAllocationStrategy.USER_MANAGED and not self._has_room():
            return self._refused("there is no device memory")
        device, places, shape = self._library.device, dict(self._places), self._shape
        if device is None:
            return True

        def compute() -> None:
            made = answers(device.array(places[INPUT], shape))
            for name in self._library.outputs:
                answer = made.get(name, made["logits"])
                device.array(places[name], answer.shape)[:] = answer

        return device.put(stream, compute) or self._refused("the stream takes nothing")

    def _has_room(self) -> bool:
        device = self._library.device
        return self._room is not None and (device is None or device.holds(self._room[0], WORKSPACE))

    def _noted(self, name: str, *arguments: Any) -> bool:  # noqa: ANN401
        assert hasattr(trt.IExecutionContext, name), f"TensorRT has no {name}"
        self.calls.append((name, arguments))
        return name not in self._library.refuses or self._refused(json.dumps(name))

    def _refused(self, reason: str) -> bool:
        self._logger.log(trt.ILogger.Severity.ERROR, reason)
        return False
