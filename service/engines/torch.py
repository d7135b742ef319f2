"""PyTorch on a GPU: what runs where TensorRT is missing, and the yardstick for it.

The network in half precision, the front end in float32 without TF32, a CUDA graph for each batch size. The only place
of the service that needs PyTorch, and only once the engine is loaded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from contract.errors import UnavailableError
from service.engines.base import EngineFacts, Outputs, Samples
from service.engines.gpu import batch_sizes, closed_if_it_fails, failures, size_for

if TYPE_CHECKING:
    import torch

    from training.device_session import DeviceSession

_NAME = "PyTorch"


class TorchEngine:
    """One replica: the weights of a bundle, and a stream and memory for each batch size."""

    staging: Samples
    """Memory that the GPU reads by itself, new after each `load`."""

    def __init__(self, weights: Path, sha256: str, max_batch: int, device: str = "cuda") -> None:
        """`device`: cpu runs the same module, far slower: for tests."""
        self._weights = weights
        self._sha256 = sha256
        self._sizes = batch_sizes(max_batch)
        self._device = device
        self._gpu = device
        self._forget()

    def load(self) -> None:
        """Load the weights, and prepare every batch size."""
        self.close()
        with closed_if_it_fails(self, _NAME), _missing_modules():
            from training.checkpoint import load_model
            from training.device_session import DeviceSession, host_memory, without_tf32
            from training.half import half_on

            device, self._gpu = _found(self._device)
            without_tf32()
            model, facts = load_model(self._weights)
            module = half_on(model, device)
            waves = host_memory((self._sizes[-1], facts.recipe.audio.window_samples), device)
            self.staging = waves.numpy()
            for size in self._sizes:
                session = DeviceSession(module, device, waves[:size], captured=device.type == "cuda")
                self._sessions[size] = session

    def warm_up(self) -> None:
        """Run every size that was prepared."""
        with closed_if_it_fails(self, _NAME):
            for size in self._sizes:
                self._sessions[size].run()

    def infer(self, count: int) -> Outputs:
        """Run the first rows of `staging`; those behind them, up to a prepared size, are computed in vain."""
        with failures(_NAME):
            answers = self._sessions[size_for(count, self._sizes)].run()
        logits, embedding = (answer[:count].numpy().copy() for answer in answers)
        return Outputs(logits, embedding)

    def describe(self) -> EngineFacts:
        """What this is; the GPU is known after `load`."""
        import torch

        return EngineFacts("torch", torch.__version__, "float16", self._gpu, self._weights.name, self._sha256)

    def close(self) -> None:
        """Give back what it holds."""
        held = bool(self._sessions)
        self._forget()
        if held and self._device != "cpu":
            import torch

            torch.cuda.empty_cache()

    def _forget(self) -> None:
        self.staging = np.empty((0, 0), np.float32)
        self._sessions: dict[int, DeviceSession] = {}


def find_gpu() -> tuple[str, str]:
    """PyTorch's version, and the name of the GPU that it would use."""
    with failures(_NAME), _missing_modules():
        import torch

        _, gpu = _found("cuda")
        return torch.__version__, gpu


@contextmanager
def _missing_modules() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UnavailableError(
            f"the torch engine needs {error.name}, not installed here: pip install -e '.[train]'"
        ) from error


def _found(name: str) -> "tuple[torch.device, str]":
    """The device of this name, and what its maker calls it."""
    import torch

    device = torch.device(name)
    if device.type != "cuda":
        return device, name
    if not torch.cuda.is_available():
        raise UnavailableError(
            f"PyTorch {torch.__version__} sees no GPU (is it a build with CUDA? does nvidia-smi answer?)"
        )
    return device, torch.cuda.get_device_name(device)
