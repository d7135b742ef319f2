"""/v2: the Open Inference Protocol (KServe v2), so that a client of it works unchanged.

What the protocol's messages mean is in `service.oip`. Its extensions for statistics, shared memory and the loading of
models are not here: see /metrics and /v1/admin/reload.
"""

import math
import time
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field, ValidationError
from pydantic.json_schema import SkipJsonSchema

from service.answers import timings
from service.bodies import read_body
from service.jobs import Job
from service.model import ServedModel
from service.oip.about import index_entry, model_config, model_metadata, server_metadata
from service.oip.messages import (
    LONGEST_TIMEOUT_MS,
    Facts,
    IndexEntry,
    IndexRequest,
    InferResponse,
    Live,
    ModelConfig,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
)
from service.oip.openapi import INDEX_BODY, INFER_ANSWER, INFER_BODY, NAME, NAME_AND_VERSION
from service.oip.outputs import answer
from service.oip.reading import read_question
from service.oip.requests import LENGTH_HEADER
from service.oip.sounds import sounds_of
from service.problems import KINDS, ProblemError, documented, invalid
from service.routes.about import healthz
from service.routes.shared import computed, gone, service_of, trace_of
from service.serving import Serving
from service.trace import Trace

router = APIRouter(prefix="/v2", tags=["open inference protocol"])

_MODEL = "/models/{name}"
_VERSION = "/versions/{version}"
_PROBLEMS = documented("unauthorized", "not_found", "unavailable")

Length = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT_MS)]
Route = Callable[..., Awaitable[Any]]


def _of_model(
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    **options: Any,  # noqa: ANN401  (FastAPI's)
) -> Callable[[Route], Route]:
    """At the path of the model, and at that of its version."""

    def register(route: Route) -> Route:
        for prefix, names in ((_MODEL, NAME), (_MODEL + _VERSION, NAME_AND_VERSION)):
            extra = {"parameters": names} | ({"requestBody": body} if body else {})
            router.add_api_route(prefix + path, route, methods=[method], openapi_extra=extra, **options)
        return route

    return register


@router.get("/health/live", summary="Whether the process lives", responses={503: {"model": Live}})
async def live(request: Request, response: Response) -> Live:
    """What /healthz says."""
    return Live(live=(await healthz(request, response)).status == "alive")


@router.get("/health/ready", summary="Whether requests are taken", responses={503: {"model": Ready}})
async def ready(request: Request, response: Response) -> Ready:
    """What /readyz says."""
    is_ready = service_of(request).is_ready
    response.status_code = 200 if is_ready else 503
    return Ready(ready=is_ready)


@router.get("", summary="What serves", responses=documented("unauthorized"))
@router.get("/", include_in_schema=False)
async def about() -> ServerMetadata:
    """And the extensions of the protocol that it knows."""
    return server_metadata()


@router.post(
    "/repository/index",
    summary="What is served",
    responses=documented("unauthorized", "invalid_request"),
    openapi_extra={"requestBody": INDEX_BODY},
)
async def index(request: Request) -> list[IndexEntry]:
    """There is one model at a time, and none while it is being loaded."""
    service = service_of(request)
    with service.uploads.holding() as held:
        body = await read_body(request, service.settings, held)
        try:
            asked = IndexRequest.model_validate_json(body or b"{}")
        except ValidationError as error:
            raise invalid(error) from None
    if service.current is None or (asked.ready and not service.is_ready):
        return []
    return [index_entry(service.current.model, is_ready=service.is_ready, reason=service.reason)]


@_of_model(
    "GET", "/ready", summary="Whether the model takes requests", responses=_PROBLEMS | {503: {"model": ModelReady}}
)
async def model_ready(request: Request, response: Response) -> ModelReady:
    """Ready as soon as the service is."""
    is_ready = service_of(request).is_ready
    response.status_code = 200 if is_ready else 503
    return ModelReady(name=_asked_for(request).model.name, ready=is_ready)


@_of_model("GET", "", summary="What the model takes and gives", responses=_PROBLEMS)
async def metadata(request: Request) -> ModelMetadata:
    """Of the two inputs, one is sent: `waveform`, samples that the model hears as they are, or `audio`, whole
    files of any format.
    """
    return model_metadata(_asked_for(request))


@_of_model("GET", "/config", summary="The model's configuration, as Triton's clients read it", responses=_PROBLEMS)
async def config(request: Request) -> ModelConfig:
    """As far as it means something here."""
    return model_config(_asked_for(request), service_of(request).settings.max_windows)


@_of_model(
    "POST",
    "/infer",
    summary="Ask the model",
    response_model=InferResponse,
    responses={200: INFER_ANSWER} | documented(*KINDS),
    body=INFER_BODY,
)
async def infer(
    request: Request,
    json_length: Annotated[Length | SkipJsonSchema[None], Header(alias=LENGTH_HEADER)] = None,
    timeout_ms: Annotated[Milliseconds | SkipJsonSchema[None], Query()] = None,
) -> Response:
    """Each row of `waveform` is a window of its own. A file of `audio` that is longer than a window becomes several,
    and what is said of it is their mean. Windows of all requests are computed together.

    In JSON, the elements of `audio` are written in base64. `timeout_ms` does the same as the parameter `timeout`, but
    is known before the body is there.
    """
    service, trace = service_of(request), trace_of(request)
    settings = service.settings
    with service.using() as serving:
        _check_path(request, serving.model)
        trace.model = serving.used
        latest = service.deadline(timeout_ms or settings.max_timeout_ms)
        serving.admit(latest)
        with service.uploads.holding() as held:
            question = await read_question(request, json_length, settings, serving.model, trace, held)
            sounds = await sounds_of(
                question.rows, serving, settings.max_windows, trace, latest, lambda: gone(request)
            )
        allowed_ms = math.ceil(question.request.parameters.timeout / 1000) or timeout_ms
        job = Job(sounds.windows, service.deadline(allowed_ms) - trace.total_s)
        if time.monotonic() > job.deadline:
            raise ProblemError("deadline_exceeded", "The tensors did not come before the deadline of their request.")
        done = iter(await computed(request, serving, job))
        trace.windows = len(sounds.windows)
        rows = [list(islice(done, count)) for count in sounds.counts]
        said = answer(question.request, question.wanted, serving.model, rows, _facts(trace, serving))
    if said.json_length is None:
        return Response(said.body, media_type="application/json")
    return Response(said.body, media_type="application/octet-stream", headers={LENGTH_HEADER: str(said.json_length)})


def _asked_for(request: Request) -> Serving:
    """What the path names, which can only be the model at work."""
    serving = service_of(request).at_work
    _check_path(request, serving.model)
    return serving


def _check_path(request: Request, model: ServedModel) -> None:
    name, version = request.path_params["name"], request.path_params.get("version", model.version)
    if name != model.name:
        raise ProblemError("not_found", f"There is no model {name[:50]} here; {model.name} is served.")
    if version != model.version:
        raise ProblemError("not_found", f"There is no version {version[:50]} of {name} here; it is {model.version}.")


def _facts(trace: Trace, serving: Serving) -> Facts:
    used = serving.used
    return Facts(sha256=used["sha256"], engine=used["engine"], precision=used["precision"], **timings(trace))
