"""The TensorRT engine of a bundle for one GPU: built once, kept outside of the bundle, rebuilt when it is stale."""

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from contract.bundle import HALF_GRAPH, Bundle
from contract.engine_file import Note, Profile, ReadyEngine, engine_folder, engine_for
from contract.errors import EarshotError
from export.tensorrt import BuildProgress, build_engine, builds_for, engine_key

PROPER_NAMES = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT for RTX"}
PROFILES = (Profile(1, 1, 1), Profile(2, 8, 32))
"""A lone window is the common case and gets kernels of its own."""
_NO_LIBRARY = "no TensorRT is installed here: on a machine with an NVIDIA GPU, pip install 'earshot[gpu]'"


class UnavailableError(EarshotError):
    """An engine that a machine may do without: its library is not installed, or not made for its GPU."""


def find_library() -> ModuleType | None:
    """Native TensorRT, or else TensorRT for RTX, or neither."""
    for name in PROPER_NAMES:
        try:
            return import_module(name)
        except (ImportError, OSError):  # OSError: the package is there, its libraries are not
            continue
    return None


def no_library() -> EarshotError:
    """Why none was found: a machine may do without what is not installed, but not without what is broken."""
    for name in PROPER_NAMES:
        if find_spec(name):
            return EarshotError(f"{name} is installed, but does not load: python -c 'import {name}' says why")
    return UnavailableError(_NO_LIBRARY)


def profiles_of(words: Sequence[str] | None) -> tuple[Profile, ...]:
    """Ranges of batch sizes, each as in 2:8:32; by default one for a lone window and one for a full house."""
    return tuple(_profile(word) for word in words) if words else PROFILES


def kept_engine(
    trt: ModuleType,
    onnx_bytes: bytes,
    profiles: tuple[Profile, ...],
    capability: tuple[int, int],
    gpu: str,
    note: Note,
    progress: BuildProgress = lambda *_: None,
) -> ReadyEngine:
    """The engine for this graph on this GPU, kept from last time or built now."""
    key, folder = engine_key(trt, onnx_bytes, profiles, capability, gpu), engine_folder()

    def build() -> bytes:
        note(f"{folder / key.file_name} is being built: a minute or so, once for this GPU")
        return build_engine(
            trt,
            onnx_bytes,
            profiles,
            compute_capability=_target(trt, capability),
            timing_cache=folder / f"{key.library}-{key.library_version}-{key.architecture}.timings",
            progress=progress,
            note=note,
        )

    return engine_for(key, folder, build, note)


def make_engine(
    bundle: Bundle, profiles: tuple[Profile, ...], named: str | None, note: Note, progress: BuildProgress
) -> ReadyEngine:
    """Have the engine of this bundle ready, for the GPU that is there or one that is `named` as in 8.6."""
    trt = find_library()
    if trt is None:
        raise no_library()
    capability, gpu = _present_gpu() if named is None else (_capability(named, trt), "")
    onnx_bytes = bundle.path(HALF_GRAPH).read_bytes()
    return kept_engine(trt, onnx_bytes, profiles, capability, gpu, note, progress)


def by_tenths(say: Callable[[str], None]) -> BuildProgress:
    """Say each phase of a build, and each tenth of it: where nobody looks, what is said stays as a line."""
    told: dict[str, int] = {}

    def progress(phase: str, done: int, total: int) -> None:
        tenths = 10 * done // total if total else 10
        if told.get(phase) != tenths:
            told[phase] = tenths
            say(f"{phase}: {10 * tenths} %")

    return progress


def _profile(word: str) -> Profile:
    sizes = word.split(":")
    if len(sizes) != 3 or not all(size.isdecimal() for size in sizes):
        raise EarshotError(f"--batches {word}: expected smallest, best and largest, as in 2:8:32")
    smallest, best, largest = map(int, sizes)
    return Profile(smallest, best, largest)


def _present_gpu() -> tuple[tuple[int, int], str]:
    import torch

    if not torch.cuda.is_available():
        raise EarshotError("no GPU is seen here to build an engine for; TensorRT for RTX builds for one by --for 8.6")
    return torch.cuda.get_device_capability(), torch.cuda.get_device_name()


def _capability(named: str, trt: ModuleType) -> tuple[int, int]:
    major, _, minor = named.partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise EarshotError(f"--for {named}: expected a compute capability, as in 8.6 for an A10G")
    capability = int(major), int(minor)
    if not builds_for(trt, capability):
        raise EarshotError(
            f"--for {named}: {PROPER_NAMES[trt.__name__]} {trt.__version__} builds for no GPU of that kind that is "
            "not here: build on the machine that will run it"
        )
    return capability


def _target(trt: ModuleType, capability: tuple[int, int]) -> tuple[int, int] | None:
    """Native TensorRT builds for the GPU that is there; TensorRT for RTX for one that is named, if it knows it."""
    return capability if trt.__name__ != "tensorrt" and builds_for(trt, capability) else None
