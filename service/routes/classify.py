"""POST /v1/classify: a sound in, its name out."""

import math
import time

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic_core import to_json

from service.answers import Asked, classification
from service.hearing import Sound
from service.jobs import Job
from service.model import ServedModel
from service.problems import KINDS, ProblemError, documented
from service.routes import examples
from service.routes.shared import PlainRoute, computed, query_parameters, service_of, trace_of
from service.routes.sounds import BODIES, heard, query_of
from service.schemas import Classification, ClassifyQuery
from service.settings import Settings
from service.windows import Window, cut, window_count, windows_of

router = APIRouter(route_class=PlainRoute)

_NOTHING_ASKED = ClassifyQuery()


@router.post(
    "/v1/classify",
    summary="Name a sound",
    response_model=Classification,
    responses=documented(*KINDS.keys() - {"not_found"}) | examples.answer(examples.CLASSIFICATION),
    openapi_extra={"requestBody": BODIES, "parameters": examples.given(query_parameters(ClassifyQuery))},
    tags=["classify"],
)
async def classify(request: Request) -> Response:
    """The body is an audio file of any common format: its bytes say which. It may come in a form or in JSON too.

    Windows of all requests are computed together; a sound longer than the model hears at once becomes several.
    """
    service, trace = service_of(request), trace_of(request)
    query = query_of(request, ClassifyQuery) if request.scope["query_string"] else _NOTHING_ASKED
    with service.using() as serving:
        trace.model = serving.used
        asked = _asked(query, serving.model)
        deadline = service.deadline(query.timeout_ms)
        serving.admit(deadline)
        sound = await heard(request, service, serving, deadline)
        if time.monotonic() > deadline:
            raise ProblemError("deadline_exceeded", "The sound did not come before the deadline of its request.")
        windows = _windows(sound, query, serving.model, service.settings)
        job = Job(cut(sound.waveform, windows), deadline)
        rows = await computed(request, serving, job)
        trace.windows, trace.audio_s = len(windows), sound.waveform.size / serving.model.sample_rate
        answer = classification(asked, serving, sound, windows, rows, trace)
    return Response(to_json(answer), media_type="application/json")


def _asked(query: ClassifyQuery, model: ServedModel) -> Asked:
    if query.labels is None:
        return Asked(query.top_k)
    wanted = [word.strip() for word in query.labels.split(",")]
    if unknown := [word for word in wanted if word not in model.index_of]:
        raise ProblemError(
            "invalid_request", f"labels: the model knows no {unknown[0][:50]!r}; all that it knows is at /v1/model."
        )
    among: NDArray[np.intp] = np.unique([model.index_of[word] for word in wanted])
    return Asked(query.top_k, among)


def _windows(sound: Sound, query: ClassifyQuery, model: ServedModel, settings: Settings) -> list[Window]:
    samples = sound.waveform.size
    hop = model.window_samples if query.hop_s is None else max(1, round(query.hop_s * model.sample_rate))
    if window_count(samples, model.window_samples, hop, model.sample_rate) > settings.max_windows:
        raise ProblemError(
            "too_long",
            f"{samples / model.sample_rate:.1f} s of sound with a hop of {hop / model.sample_rate:g} s are more than "
            f"{settings.max_windows} windows, the most that are accepted: ask for a hop_s of "
            f"{math.ceil(10 * samples / model.sample_rate / settings.max_windows) / 10:g} or more, or send less.",
        )
    return windows_of(samples, model.window_samples, hop, model.sample_rate)
