"""What runs in the process that looks: PyTorch, and hundreds of thousands of numbers that become text.

All of that would hold Python's lock for tens of milliseconds at a time, and every answer of the service with it.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic_core import to_json

from contract.bundle import fingerprint
from contract.confidence import probabilities
from contract.errors import EarshotError
from service.answers import named
from service.debug.answer import (
    Wanted,
    as_npz,
    heat_answer,
    layers_answer,
    require_few_bytes,
    require_few_values,
    spectrogram_answer,
    waveform_answer,
)
from service.debug.layers import chosen
from service.debug.sheet import as_png, require_low_sheet
from service.engines.base import Samples
from service.judge import best_of
from service.priority import compute_later
from service.problems import KINDS, ProblemError, problem_of
from service.schemas import DebugQuery, LayerFacts

if TYPE_CHECKING:
    from service.debug.network import DebugNetwork

MOST_HEATS = 10
"""However many labels are asked for."""

LATE = "The debug path did not come to it before its deadline."


class Weights(NamedTuple):
    """Which model is looked into."""

    path: str
    sha256: str
    """Another file may lie there after a reload."""


@dataclass(frozen=True)
class Question:
    """About one window."""

    query: DebugQuery
    wave: Samples
    heats_of: list[int] | None
    """Classes; the most probable ones where none is named."""
    served: Samples
    """Logits of the engine that serves."""
    labels: tuple[str, ...]
    temperature: float
    sample_rate: int
    window_s: float
    facts: dict[str, Any]
    """What the answer says besides."""


class Reply(NamedTuple):
    """The body of an answer."""

    body: bytes
    media_type: str


class Refusal(NamedTuple):
    """A problem on its way between processes."""

    code: str
    detail: str
    status: int


def prepare() -> None:
    """Come after the threads that serve, and neither before nor after the process that serves."""
    compute_later()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells both, and the service decides
    Thread(target=_end_with_parent, daemon=True).start()


def asked(work: Callable[..., Reply], weights: Weights, deadline: float, *details: Any) -> Reply | Refusal:  # noqa: ANN401
    """Do it, unless it is too late; what is wrong comes back as a value."""
    try:
        network = _network(weights)
        if time.monotonic() > deadline:
            return Refusal("deadline_exceeded", LATE, KINDS["deadline_exceeded"].status)
        return work(network, *details)
    except ImportError as error:
        detail = f"The debug path needs {error.name}, not installed here: pip install -e '.[debug]'"
        return Refusal("unavailable", detail, KINDS["unavailable"].status)
    except (EarshotError, ProblemError) as error:
        problem = problem_of(error)
        return Refusal(problem.code, problem.detail, problem.status)


def layers(network: "DebugNetwork") -> Reply:
    """All of them."""
    facts = [
        LayerFacts(name=one.name, kind=one.kind, parameters=one.parameters, shape=one.shape) for one in network.layers
    ]
    return Reply(to_json(facts), "application/json")


def activations(network: "DebugNetwork", question: Question) -> Reply:
    """What they make of a window, in the form that is wanted."""
    query = question.query
    wanted = Wanted(chosen(network.layers, query.layers), query.max_channels, query.max_side)
    {"json": require_few_values, "npz": require_few_bytes, "png": require_low_sheet}[query.format](wanted)
    names = [layer.name for layer in wanted.layers]
    seen = network.look(question.wave, names, question.heats_of, min(query.top_k, MOST_HEATS))
    match query.format:
        case "npz":
            return Reply(as_npz(wanted, seen, network.axes, question.wave), "application/x-npz")
        case "png":
            index = next(iter(seen.heats))
            return Reply(as_png(wanted, seen, question.labels[index], index), "image/png")
    answer = {
        "predictions": named(question.labels, best_of(probabilities(seen.logits, question.temperature), query.top_k)),
        "parity": {
            "max_logit_delta": float(f"{np.abs(seen.logits - question.served).max():.4g}"),
            "same_label": int(seen.logits.argmax()) == int(question.served.argmax()),
        },
        "waveform": waveform_answer(question.wave, question.sample_rate),
        "spectrogram": spectrogram_answer(seen, network.axes),
        "heat": [heat_answer(i, question.labels[i], heat, question.window_s) for i, heat in seen.heats.items()],
        "layers": layers_answer(wanted, seen),
    }
    return Reply(to_json(answer | question.facts), "application/json")


@lru_cache(maxsize=1)
def _network(weights: Weights) -> "DebugNetwork":
    import torch

    from service.debug.network import DebugNetwork

    if fingerprint(Path(weights.path)).sha256 != weights.sha256:
        raise ProblemError("unavailable", "The files of the bundle have changed: reload the service.")
    torch.set_num_threads(1)
    return DebugNetwork(Path(weights.path))


def _end_with_parent() -> None:
    """However that ended."""
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
