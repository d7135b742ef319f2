"""Which TensorRT is here, and its engine for a graph: built once for a GPU, kept, and rebuilt when it is stale."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from contract.engine_file import Note, Profile, ReadyEngine, engine_folder, engine_for
from contract.errors import EarshotError, UnavailableError
from contract.tensorrt import BuildProgress, build_engine, builds_for, engine_key

PROPER_NAMES = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT for RTX"}
PROFILES = (Profile(1, 1, 1), Profile(2, 8, 32))
"""A lone window is the common case and gets kernels of its own."""
_NO_LIBRARY = "no TensorRT is installed here: on a machine with an NVIDIA GPU, pip install -e '.[gpu]'"


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


def profiles_up_to(largest: int) -> tuple[Profile, ...]:
    """Ranges that take batches up to this size: the usual ones as long as they do, so that one engine serves all."""
    lone, usual = PROFILES
    return (lone, Profile(usual.smallest, usual.best, max(usual.largest, largest)))


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


def _target(trt: ModuleType, capability: tuple[int, int]) -> tuple[int, int] | None:
    """Native TensorRT builds for the GPU that is there; TensorRT for RTX for one that is named, if it knows it."""
    return capability if trt.__name__ != "tensorrt" and builds_for(trt, capability) else None
