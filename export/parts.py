"""A model in each form in which PyTorch or TensorRT runs it, as a whole and by the parts that latency is made of."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import cast

import torch
from torch import Tensor, nn

from contract.errors import UnavailableError
from contract.tensorrt_kept import profiles_up_to
from export.gpu.engines import TensorRTEngine, TorchEngine
from export.gpu.plans import plan_for
from export.part import FRONT_END, NETWORK, WHOLE, Part
from export.speed import TorchaudioClassifier
from training.checkpoint import load_model
from training.device_session import Compute, DeviceSession, without_tf32
from training.half import fold_batch_norms, half_on
from training.model import Classifier, Output

_Computes = dict[Part, Compute]


@dataclass(frozen=True)
class TorchParts:
    """What can be asked of a model in PyTorch, on one device."""

    computes: Mapping[Part, Compute]
    device: torch.device
    shapes: Mapping[Part, tuple[int, ...]]
    """Of one row of a batch that goes into a part."""
    captured: bool = False

    @property
    def parts(self) -> tuple[Part, ...]:
        """Those that can be asked by themselves."""
        return tuple(self.computes)

    def session(self, part: Part, batch: int) -> DeviceSession:
        """A part of it, ready for batches of this size."""
        engine = TorchEngine(self.computes[part], self.device, self.shapes[part], self.captured)
        return engine.session(batch, torch.float32)


@dataclass(frozen=True)
class PlanParts:
    """A plan of TensorRT, which is one piece, run as a CUDA graph."""

    engine: TensorRTEngine
    parts: tuple[Part, ...] = (WHOLE,)

    def session(self, part: Part, batch: int) -> DeviceSession:
        """Ready for batches of this size."""
        assert part == WHOLE  # noqa: S101  (nothing else was offered)
        return self.engine.session(batch, torch.float32)


def torch_parts(form: str, weights: Path, gpu: bool) -> TorchParts:
    """The model in this file in one of the `FORMS`."""
    device = _gpu() if gpu else torch.device("cpu")
    model, facts = load_model(weights)
    silence = torch.zeros(1, facts.recipe.audio.window_samples)
    with torch.inference_mode():
        seen = model.frontend(silence)
    wave, picture = tuple(silence.shape[1:]), tuple(seen.shape[1:])
    shapes: dict[Part, tuple[int, ...]] = {WHOLE: wave, FRONT_END: wave, NETWORK: picture}
    return TorchParts(FORMS[form](model, device), device, shapes, captured=form == "captured")


def plan_parts(library: str, graph: Path, largest: int) -> PlanParts:
    """The engine of this graph in `tensorrt` or `tensorrt_rtx`, for batches up to this size."""
    trt = _library(library)
    device = _gpu()
    plan = plan_for(trt, graph.read_bytes(), lambda _: None, profiles_up_to(largest))
    return PlanParts(TensorRTEngine(plan, device, captured=True))


def _torchaudio(model: Classifier, device: torch.device) -> _Computes:
    usual = TorchaudioClassifier(model).eval().to(device)
    return {WHOLE: usual, FRONT_END: _alone(usual.picture), NETWORK: usual.network}


def _eager(model: Classifier, device: torch.device) -> _Computes:
    own = model.to(device)
    return {WHOLE: own, FRONT_END: _alone(own.frontend), NETWORK: own.network}


def _half(model: Classifier, device: torch.device) -> _Computes:
    half = half_on(model, device)
    network = cast("nn.Module", half.network)

    def judged(seen: Tensor) -> Output:
        logits, embedding = network(seen.half())
        return Output(logits.float(), embedding.float())

    return {WHOLE: half, FRONT_END: _alone(cast("nn.Module", half.frontend)), NETWORK: judged}


def _compiled(model: Classifier, device: torch.device) -> _Computes:
    """In the precision and the memory format that suit the device; for each batch size anew, which gives the best."""
    _require_compiler()
    if device.type == "cuda":
        fit: nn.Module = half_on(model, device)
    else:
        network = fold_batch_norms(model.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        fit = Classifier(model.frontend, network).eval()
    return {WHOLE: cast("nn.Module", torch.compile(fit, dynamic=False))}


FORMS: dict[str, Callable[[Classifier, torch.device], _Computes]] = {
    "torchaudio": _torchaudio, "eager": _eager, "half": _half, "captured": _half, "compiled": _compiled,
}  # fmt: skip
"""By name: with torchaudio's spectrogram; as it was trained; in half precision, and with CUDA graphs; compiled."""


def _alone(compute: Callable[[Tensor], Tensor]) -> Compute:
    """One answer, as those that give several do."""
    return lambda given: (compute(given),)


def _require_compiler() -> None:
    """PyTorch would say so in a hundred lines, after minutes."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise UnavailableError(f"torch.compile needs a C++ compiler, and there is no {compiler}: install one")


def _gpu() -> torch.device:
    if not torch.cuda.is_available():
        raise UnavailableError(f"PyTorch {torch.__version__} sees no NVIDIA GPU")
    without_tf32()
    return torch.device("cuda")


def _library(name: str) -> ModuleType:
    try:
        return import_module(name)
    except (ImportError, OSError) as error:  # OSError: the package is there, its libraries are not
        raise UnavailableError(f"{name} is not installed, or does not load: pip install -e '.[gpu]'") from error
