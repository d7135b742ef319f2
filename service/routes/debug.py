"""`/v1/debug/…`: the model's layers, and what each of them makes of a sound."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from contract.audio import PCM16_SCALE
from service.answers import predictions
from service.debug.answer import Wanted, as_npz, heat_answer, layers_answer, spectrogram_answer, waveform_answer
from service.debug.desk import Desk
from service.debug.layers import Layer, chosen
from service.debug.seen import Axes, Seen
from service.debug.sheet import as_png
from service.engines.base import Outputs, Samples
from service.jobs import Job
from service.judge import Row
from service.model import ServedModel
from service.problems import KINDS, ProblemError, documented
from service.routes import examples
from service.routes.shared import computed, gone, query_parameters, service_of, trace_of
from service.routes.sounds import BODIES, heard, query_of
from service.schemas import DebugQuery, LayerFacts
from service.serving import Service, Serving
from service.windows import Window, cut, windows_of

router = APIRouter(prefix="/v1/debug", tags=["debug"])

OFF = (
    "The debug path is off in this service: it shows the inside of the model to whoever may ask. Start it by "
    "earshot serve --debug, or EARSHOT_DEBUG=true."
)

MOST_HEATS = 10
"""However many labels are asked for."""

_SEEN = {
    "image/png": {"schema": {"type": "string", "format": "binary"}},
    "application/x-npz": {"schema": {"type": "string", "format": "binary"}},
}


@dataclass(frozen=True)
class _Looked:
    """All that was found about one window."""

    wanted: Wanted
    seen: Seen
    axes: Axes


@router.get(
    "/layers", summary="The model's layers", responses=documented("not_found", "overloaded", "unavailable"),
)  # fmt: skip
async def layers(request: Request) -> list[LayerFacts]:
    """In the order in which a sound goes through them, with the shape of what each gives for one window."""
    service = _opened(request)
    with service.using() as serving:
        found = await _desk(request).ask(serving, lambda network: network.layers, service.deadline(None))
    return [LayerFacts(name=one.name, kind=one.kind, parameters=one.parameters, shape=one.shape) for one in found]


@router.post(
    "/activations",
    summary="What each layer makes of a sound",
    response_class=Response,
    responses=documented(*KINDS.keys()) | {200: {"content": {"application/json": {}} | _SEEN}},
    openapi_extra={"requestBody": BODIES, "parameters": examples.given(query_parameters(DebugQuery))},
)
async def activations(request: Request) -> Response:
    """One window in PyTorch: feature maps, statistics, the spectrogram, and where the scores come from.

    The engine that serves is asked for the same window; how far both are apart stands in the answer.
    """
    service, trace = _opened(request), trace_of(request)
    query = query_of(request, DebugQuery)
    with service.using() as serving:
        trace.model = serving.used
        deadline = service.deadline(query.timeout_ms)
        serving.admit(deadline)
        sound = await heard(request, service, serving, deadline)
        window = _window(query.window, sound.waveform.size, serving.model)
        (wave,) = cut(sound.waveform, [window])
        floats = _floats(wave)
        classes = _classes(query.heat, serving.model)
        (row,) = await computed(request, serving, Job([wave], deadline))
        looked = await _desk(request).ask(
            serving, lambda network: _look(network, query, floats, classes), deadline, lambda: gone(request)
        )
        return _answered(query, serving, looked, row, floats, window, trace.request_id)


def _opened(request: Request) -> Service:
    service = service_of(request)
    if not service.settings.debug:
        raise ProblemError("not_found", OFF)
    return service


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _look(network: Any, query: DebugQuery, wave: Samples, classes: list[int] | None) -> _Looked:  # noqa: ANN401
    """On the desk's thread."""
    wanted: list[Layer] = chosen(network.layers, query.layers)
    seen = network.look(wave, [layer.name for layer in wanted], classes, min(query.top_k, MOST_HEATS))
    return _Looked(Wanted(wanted, query.max_channels, query.max_side), seen, network.axes)


def _answered(
    query: DebugQuery, serving: Serving, looked: _Looked, row: Row, wave: Samples, window: Window, request_id: str
) -> Response:
    wanted, seen, labels = looked.wanted, looked.seen, serving.model.labels
    if query.format == "npz":
        content = as_npz(wanted, seen, looked.axes, wave)
        name = {"Content-Disposition": 'attachment; filename="activations.npz"'}
        return Response(content, media_type="application/x-npz", headers=name)
    if query.format == "png":
        index = next(iter(seen.heats))
        return Response(as_png(wanted, seen, labels[index], index), media_type="image/png")
    rate = serving.model.sample_rate
    (mine,) = serving.judge.rows(Outputs(seen.logits[None], None))
    answer = {
        "predictions": predictions(serving.model, serving.judge.verdict([mine], query.top_k)),
        "parity": {
            "engine": serving.used["engine"],
            "precision": serving.used["precision"],
            "max_logit_delta": float(f"{np.abs(seen.logits - row.logits).max():.4g}"),
            "same_label": int(seen.logits.argmax()) == int(row.logits.argmax()),
        },
        "window": {"start_s": round(window.start / rate, 3), "end_s": round(window.end / rate, 3)},
        "waveform": waveform_answer(wave, rate),
        "spectrogram": spectrogram_answer(seen, looked.axes),
        "heat": [heat_answer(i, labels[i], heat, serving.model.window_s) for i, heat in seen.heats.items()],
        "layers": layers_answer(wanted, seen),
        "model": serving.used,
        "request_id": request_id,
    }
    return Response(to_json(answer), media_type="application/json")


def _window(place: int, samples: int, model: ServedModel) -> Window:
    windows = windows_of(samples, model.window_samples, model.window_samples, model.sample_rate)
    if place >= len(windows):
        raise ProblemError("invalid_request", f"window: the sound has {len(windows)}, counted from 0")
    return windows[place]


def _classes(heat: str | None, model: ServedModel) -> list[int] | None:
    if heat is None:
        return None
    if heat not in model.index_of:
        raise ProblemError(
            "invalid_request", f"heat: the model knows no {heat[:50]!r}; all it knows is at /v1/model."
        )
    return [model.index_of[heat]]


def _floats(wave: np.ndarray[Any, Any]) -> Samples:
    return wave * PCM16_SCALE if wave.dtype == np.int16 else wave.astype(np.float32, copy=False)
