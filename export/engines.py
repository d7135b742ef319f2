"""What the command line needs to make the TensorRT engine of a bundle: options, the GPU that is meant, progress."""

from collections.abc import Callable, Sequence
from types import ModuleType

from contract.bundle import HALF_GRAPH, Bundle
from contract.engine_file import Note, Profile, ReadyEngine
from contract.errors import EarshotError
from contract.tensorrt import BuildProgress, builds_for
from contract.tensorrt_kept import PROFILES, PROPER_NAMES, find_library, kept_engine, no_library


def profiles_of(words: Sequence[str] | None) -> tuple[Profile, ...]:
    """Ranges of batch sizes, each as in 2:8:32; by default one for a lone window and one for a full house."""
    return tuple(_profile(word) for word in words) if words else PROFILES


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
