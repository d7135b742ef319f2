"""What runs, whether it runs, and how it does: model facts, health, metrics, and a reload for who may ask for one."""

from typing import Any

from fastapi import APIRouter, Request, Response

from contract.errors import EarshotError
from service.access import is_admin
from service.problems import ProblemError, documented
from service.routes import examples
from service.routes.shared import service_of
from service.schemas import AudioWanted, EngineUsed, Health, ModelFacts, Reloaded, Thresholds
from service.serving import Serving

router = APIRouter()

MOST_FAILURES = 5
"""Vain attempts in a row to get an engine, about half a minute: then a new process may do better than this one."""

_UNWELL: dict[int | str, dict[str, Any]] = {503: {"model": Health}}

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@router.get(
    "/v1/model", summary="What is served, by which engine", tags=["about"],
    responses=documented("unauthorized", "overloaded", "unavailable") | examples.answer(examples.MODEL),
)  # fmt: skip
async def model(request: Request) -> ModelFacts:
    """Labels, what the model hears, where it stops being believed, which engine runs it and why that one."""
    return model_facts(service_of(request).at_work)


def model_facts(serving: Serving) -> ModelFacts:
    """What can be said of the model at work."""
    model, facts, manifest = serving.model, serving.batcher.facts, serving.model.manifest
    return ModelFacts(
        name=model.name,
        version=model.version,
        labels=list(model.labels),
        audio=AudioWanted(
            sample_rate=model.sample_rate, window_samples=model.window_samples, window_s=model.window_s
        ),
        calibration=Thresholds(
            temperature=model.temperature, reject_below=model.reject_below, novelty=model.novelty_threshold
        ),
        engine=EngineUsed(
            name=facts.name,
            version=facts.version,
            precision=facts.precision,
            device=facts.device,
            graph=facts.graph,
            sha256=facts.sha256,
            replicas=serving.batcher.load.engines,
            max_batch=serving.batcher.max_batch,
            chosen_because=serving.chosen_because,
        ),
        accuracy=manifest.summary.accuracy if manifest else None,
        license=manifest.license.name if manifest else None,
        commercial_use=manifest.license.commercial_use if manifest else None,
        attribution=manifest.license.attribution if manifest else None,
    )


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Whether the process lives", tags=["about"],
            responses=_UNWELL | examples.answer(examples.ALIVE))  # fmt: skip
async def healthz(request: Request, response: Response) -> Health:
    """No only where nothing but a new process would help."""
    current = service_of(request).current
    if current is not None and current.batcher.failures >= MOST_FAILURES:
        response.status_code = 503
        return Health(status="dead", reason="no engine can be started any more")
    return Health(status="alive")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Whether requests are taken", tags=["about"],
            responses=_UNWELL | examples.answer(examples.READY))  # fmt: skip
async def readyz(request: Request, response: Response) -> Health:
    """No while the model is loaded or warmed up, while no engine is at work, and while the service shuts down."""
    service = service_of(request)
    if service.is_ready:
        return Health(status="ready")
    response.status_code = 503
    state = "draining" if service.is_leaving else str(service.state)
    return Health(status="no engine" if state == "ready" else state, reason=service.reason)


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response, tags=["about"],
            responses={200: {"content": {"text/plain": {"example": examples.METRICS}}}})  # fmt: skip
async def metrics(request: Request) -> Response:
    """In Prometheus' text format."""
    return Response(service_of(request).metrics.text(), media_type=METRICS_TYPE)


@router.post(
    "/v1/admin/reload",
    summary="Serve what lies in the bundle's folder now",
    responses=documented(
        "unauthorized", "not_found", "invalid_request", "overloaded", "unavailable", at={"invalid_request": 409}
    )
    | examples.answer(examples.RELOADED),
    tags=["about"],
)
async def reload(request: Request) -> Reloaded:
    """Requests go on with the old model until the new one is warm. Needs the admin's key; SIGHUP does the same."""
    service = service_of(request)
    if service.settings.admin_key is None:
        raise ProblemError("not_found", "Reloading by HTTP is off: set EARSHOT_ADMIN_KEY, or send SIGHUP.")
    if not is_admin(request.headers, service.settings):
        raise ProblemError("unauthorized", "This needs the admin's key: Authorization: Bearer <key>.")
    try:
        fresh = await service.reload()
    except EarshotError:
        raise ProblemError(
            "invalid_request",
            "What lies there now cannot be served; the old model goes on, and the log says why.",
            409,
        ) from None
    return Reloaded(name=fresh.model.name, version=fresh.model.version, sha256=fresh.batcher.facts.sha256)
