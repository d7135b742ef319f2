"""From an ONNX graph to a TensorRT engine, in the precision that stands in the graph.

TensorRT (10.12 and later) and TensorRT for RTX have one interface. The module comes as an argument, so what is built
on a GPU with the one is proven without a GPU by the other. Nothing is rounded that the graph does not round: networks
are strongly typed, and TF32, which is up to 16 dB off on steep spectra, is off for all that is float32.
"""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from types import ModuleType
from typing import Any

from contract.engine_file import EngineKey, Note, Profile, write_privately
from contract.errors import EarshotError

SETTINGS = 1
"""Version of what `configure` asks for; raise it when that changes, so that no engine of before is loaded."""

_NODES_NAMED = 5
_NO_SUCH_OPERATOR = "Plugin not found"  # the parser looks for a plugin last
_SOURCE_PLACE = re.compile(r" In \S+ at /_src/[^)\s]+")  # of the library's own source: no help to a person

BuildProgress = Callable[[str, int, int], None]
"""Told the phase that the builder is in, the steps done and the steps to do. Phases lie inside one another."""


class EngineBuildError(EarshotError):
    """An engine cannot be built; the message names the node or the option that stands in the way."""


@dataclass(frozen=True)
class Parsed:
    """A network as the builder knows it. It borrows weights from its parser, so both are kept."""

    builder: Any
    network: Any
    parser: Any
    errors: list[str]
    """What the library has logged as errors, and goes on to log while the network is built."""


def build_engine(
    trt: ModuleType,
    onnx_bytes: bytes,
    profiles: Sequence[Profile],
    *,
    compute_capability: tuple[int, int] | None = None,
    timing_cache: Path | None = None,
    progress: BuildProgress = lambda *_: None,
    note: Note = lambda _: None,
) -> bytes:
    """Build the engine for this graph, one profile each for these ranges of batch sizes; the result is its plan.

    Without a compute capability, TensorRT builds for the first GPU that it sees, TensorRT for RTX for all that it
    knows. `timing_cache` is a file that makes the next build faster: where it cannot be read or written, that is a
    note. Ctrl-C, or an error in `progress`, ends the build.
    """
    parsed = parse(trt, onnx_bytes)
    config = configure(trt, parsed, profiles, compute_capability)
    if timing_cache is not None and _times_kernels(trt):
        _use_timings(config, _kept_timings(timing_cache, note))
    plan = _built(trt, parsed, config, progress)
    if timing_cache is not None and _times_kernels(trt):
        _keep_timings(config, timing_cache, note)
    return plan


def engine_key(
    trt: ModuleType,
    onnx_bytes: bytes,
    profiles: Sequence[Profile],
    compute_capability: tuple[int, int] | None,
    gpu: str = "",
) -> EngineKey:
    """What the engine is kept under: for native TensorRT, name the GPU that is there and its compute capability."""
    return EngineKey.model_validate(
        {
            "library": trt.__name__,
            "library_version": trt.__version__,
            "architecture": architecture_name(compute_capability) if compute_capability else "portable",
            "gpu": gpu,
            "model_sha256": sha256(onnx_bytes).hexdigest(),
            "profiles": tuple(profiles),
            "settings": SETTINGS,
        }
    )


def builds_for(trt: ModuleType, compute_capability: tuple[int, int]) -> bool:
    """Whether this library can build for a GPU that is named instead of present."""
    return hasattr(getattr(trt, "ComputeCapability", None), architecture_name(compute_capability).upper())


def architecture_name(compute_capability: tuple[int, int]) -> str:
    """As NVIDIA's compilers call it: sm86."""
    return "sm{}{}".format(*compute_capability)


def parse(trt: ModuleType, onnx_bytes: bytes) -> Parsed:
    """Read the graph into a strongly typed network; an error names each node that TensorRT cannot run."""
    errors: list[str] = []
    logger = error_logger(trt, errors)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(onnx_bytes):
        refusals = [_refusal(parser.get_error(i)) for i in range(parser.num_errors)]
        more = f"; and {len(refusals) - _NODES_NAMED} more" if len(refusals) > _NODES_NAMED else ""
        raise EngineBuildError(f"{trt.__name__} cannot run this graph: {'; '.join(refusals[:_NODES_NAMED])}{more}")
    _check_interface(network)
    return Parsed(builder, network, parser, errors)


def configure(
    trt: ModuleType,
    parsed: Parsed,
    profiles: Sequence[Profile],
    compute_capability: tuple[int, int] | None = None,
) -> Any:  # noqa: ANN401  (an IBuilderConfig of either module)
    """How the network is to be built: without TF32 and refitting, readable for an inspector."""
    config = parsed.builder.create_builder_config()
    if hasattr(trt.BuilderFlag, "TF32"):
        config.clear_flag(trt.BuilderFlag.TF32)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if compute_capability is not None:
        _aim(trt, config, compute_capability)
    for profile in profiles:
        _add_profile(parsed, config, profile)
    return config


def error_logger(trt: ModuleType, errors: list[str]) -> object:
    """A logger for this library that collects what it logs as errors."""

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        """Keeps errors for the sentence that a person is told."""

        def log(self, severity: Any, message: str) -> None:  # noqa: ANN401
            if severity in {trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR}:
                errors.append(message)

    return Logger()


def _check_interface(network: Any) -> None:  # noqa: ANN401  (an INetworkDefinition of either module)
    """One waveform, any batch, a fixed length: the profiles below rest on it."""
    shapes = [tuple(network.get_input(i).shape) for i in range(network.num_inputs)]
    if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][0] != -1 or shapes[0][1] < 1 or not network.num_outputs:
        raise EngineBuildError(
            f"the graph takes {shapes} and gives {network.num_outputs} outputs: it must take one waveform "
            "[-1, samples], with the batch free and the samples fixed"
        )


def _aim(trt: ModuleType, config: Any, capability: tuple[int, int]) -> None:  # noqa: ANN401
    if not builds_for(trt, capability):
        raise EngineBuildError(
            f"{trt.__name__} {trt.__version__} does not build for {architecture_name(capability)}: leave "
            "compute_capability out to build for the GPU that is there"
        )
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, architecture_name(capability).upper()), 0)


def _add_profile(parsed: Parsed, config: Any, profile: Profile) -> None:  # noqa: ANN401
    waveform = parsed.network.get_input(0)
    samples = waveform.shape[1]
    shapes = parsed.builder.create_optimization_profile()
    sizes = (profile.smallest, profile.best, profile.largest)
    shapes.set_shape(waveform.name, *((size, samples) for size in sizes))
    if config.add_optimization_profile(shapes) < 0:
        raise EngineBuildError(f"TensorRT refuses batch sizes {sizes}: {_first(parsed.errors)}")


def _built(trt: ModuleType, parsed: Parsed, config: Any, progress: BuildProgress) -> bytes:  # noqa: ANN401
    """Build on a thread of its own: an exception must not travel through the library, which calls back from C++."""
    steps: SimpleQueue[tuple[str, int, int] | None] = SimpleQueue()
    cancelled = Event()
    config.progress_monitor = _monitor(trt, steps, cancelled)
    with ThreadPoolExecutor(1) as thread:
        building = thread.submit(parsed.builder.build_serialized_network, parsed.network, config)
        building.add_done_callback(lambda _: steps.put(None))
        try:
            while (step := steps.get()) is not None:
                progress(*step)
        except BaseException:
            cancelled.set()
            raise
    plan = building.result()
    if plan is None:
        raise EngineBuildError(f"{trt.__name__} could not build the engine: {_first(parsed.errors)}")
    return bytes(plan)


def _monitor(trt: ModuleType, steps: "SimpleQueue[tuple[str, int, int] | None]", cancelled: Event) -> object:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        """Called from threads of the library: says how far it is, and whether to go on."""

        def __init__(self) -> None:
            super().__init__()
            self._totals: dict[str, int] = {}

        def phase_start(self, phase: str, _parent: str | None, total: int) -> None:
            self._totals[phase] = total
            steps.put((phase, 0, total))

        def step_complete(self, phase: str, step: int) -> bool:
            steps.put((phase, step + 1, self._totals[phase]))
            return not cancelled.is_set()

        def phase_finish(self, phase: str) -> None:
            steps.put((phase, self._totals[phase], self._totals[phase]))

    return Monitor()


def _refusal(error: Any) -> str:  # noqa: ANN401  (a ParserError of either module)
    lines = [line for line in error.desc().splitlines() if line and not line.startswith("Invalid Node")]
    reason = _SOURCE_PLACE.sub("", lines[0]) if lines else "it gives no reason"
    if not error.node_operator():
        return reason
    if _NO_SUCH_OPERATOR in reason:
        reason = "it knows no such operator"
    return f"node {error.node_name() or error.node()} ({error.node_operator()}): {reason}"


def _first(errors: list[str]) -> str:
    """What follows the first error is mostly its consequence."""
    return _SOURCE_PLACE.sub("", errors[0]) if errors else "it gives no reason"


def _times_kernels(trt: ModuleType) -> bool:
    """TensorRT for RTX has the functions for timings too, but they do nothing and warn of it."""
    return trt.__name__ == "tensorrt"


def _kept_timings(file: Path, note: Note) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        note(f"{file}: the timings of earlier builds cannot be read ({error.strerror}), this one takes longer")
        return b""


def _keep_timings(config: Any, file: Path, note: Note) -> None:  # noqa: ANN401
    """A convenience: a disk that is full or read-only must not cost the engine that is built."""
    try:
        write_privately(file, bytes(config.get_timing_cache().serialize()))
    except OSError as error:
        note(f"{file}: the timings of this build cannot be kept ({error.strerror}), the next one takes longer")


def _use_timings(config: Any, kept: bytes) -> None:  # noqa: ANN401
    """Timings of another GPU or version, or a damaged file, are worth nothing: begin anew."""
    timings = config.create_timing_cache(kept)
    if timings is None or not config.set_timing_cache(timings, ignore_mismatch=False):
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)
