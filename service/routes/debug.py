"""`/v1/debug/…`: the model's layers, and what each of them makes of a sound."""

import numpy as np
from fastapi import APIRouter, Request, Response

from service.debug import worker
from service.debug.desk import Desk
from service.debug.worker import Question, Reply
from service.engines.base import Samples, Wave
from service.jobs import Job
from service.model import ServedModel
from service.problems import KINDS, ProblemError, documented
from service.routes import examples
from service.routes.shared import computed, gone, query_parameters, service_of, trace_of
from service.routes.sounds import BODIES, heard, query_of
from service.schemas import DebugQuery, LayerFacts
from service.serving import Service
from service.windows import Window, cut, lay, windows_of

router = APIRouter(prefix="/v1/debug", tags=["debug"])

OFF = (
    "The debug path is off in this service: it shows the inside of the model to whoever may ask. Start it by "
    "earshot serve --debug, or EARSHOT_DEBUG=true."
)

_SEEN = {
    "image/png": {"schema": {"type": "string", "format": "binary"}},
    "application/x-npz": {"schema": {"type": "string", "format": "binary"}},
}


@router.get(
    "/layers",
    summary="The model's layers",
    response_model=list[LayerFacts],
    responses=documented("unauthorized", "not_found", "overloaded", "unavailable", "deadline_exceeded"),
)
async def layers(request: Request) -> Response:
    """In the order in which a sound goes through them, with the shape of what each gives for one window."""
    service, desk = _opened(request), _desk(request)
    with service.using() as serving, desk.place(serving.model) as weights:
        reply = await desk.ask(weights, worker.layers, deadline=service.deadline(None), gone=lambda: gone(request))
    return _response(reply)


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
    service, desk, trace = _opened(request), _desk(request), trace_of(request)
    query = query_of(request, DebugQuery)
    with service.using() as serving, desk.place(serving.model) as weights:
        trace.model = serving.used
        deadline = service.deadline(query.timeout_ms)
        serving.admit(deadline)
        sound = await heard(request, service, serving, deadline)
        model = serving.model
        window = _window(query.window, sound.waveform.size, model)
        (wave,) = cut(sound.waveform, [window])
        heats_of = _classes(query.heat, model)
        (row,) = await computed(request, serving, Job([wave], deadline))
        facts = {
            "window": {"start_s": window.start / model.sample_rate, "end_s": window.end / model.sample_rate},
            "model": serving.used,
            "request_id": trace.request_id,
        }
        question = Question(
            query, _floats(wave), heats_of, row.logits, model.labels, model.temperature, model.sample_rate,
            model.window_s, facts,
        )  # fmt: skip
        reply = await desk.ask(weights, worker.activations, question, deadline=deadline, gone=lambda: gone(request))
    return _response(reply)


def _opened(request: Request) -> Service:
    service = service_of(request)
    if not service.settings.debug:
        raise ProblemError("not_found", OFF)
    return service


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _response(reply: Reply) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="activations.npz"'} if "npz" in reply.media_type else {}
    return Response(reply.body, media_type=reply.media_type, headers=headers)


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


def _floats(wave: Wave) -> Samples:
    """As an engine gets it."""
    row = np.empty(len(wave), np.float32)
    lay(wave, row)
    return row
