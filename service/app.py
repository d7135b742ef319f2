"""The service as an ASGI app: `create_app()` for any server that runs one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Lifespan

from service.debug.desk import Desk
from service.front import Front
from service.logs import log_request
from service.metrics import Metrics
from service.problems import add_handlers
from service.routes import about, classify, debug, oip, pages, stream
from service.routes.shared import plain_routes
from service.serving import Service
from service.settings import Settings
from service.stream.door import Streams
from service.trace import Trace
from service.tracing import Tracing, open_tracing

TOLD_BY_HEADERS = (
    "Inference-Header-Content-Length", "Retry-After", "Server-Timing", "X-Earshot-Batch-Size", "X-Earshot-Engine",
    "X-Earshot-Model", "X-Request-ID",
)  # fmt: skip
"""What a page of another origin may read beside the body."""


def create_app(settings: Settings | None = None, *, wait_for_model: bool = True) -> FastAPI:
    """The app. Its start waits until the model is warm, unless it is told not to."""
    settings = settings or Settings()
    tracing = open_tracing(settings)
    metrics = Metrics()
    service = Service(settings, metrics)
    desk = Desk()
    app = FastAPI(
        title="Earshot",
        summary="A sound goes in, its name comes out.",
        redirect_slashes=False,
        lifespan=_lifespan(service, desk, tracing, wait_for_model=wait_for_model),
        separate_input_output_schemas=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours are all made of one thing: the trace
    )
    app.state.service = service
    app.state.streams = Streams(service)
    app.state.desk = desk
    add_handlers(app)
    for module in (classify, about, debug, oip, pages, stream):
        app.include_router(module.router)

    def ended(trace: Trace) -> None:
        metrics.request(trace)
        if tracing:
            tracing.request(trace)
        if settings.access_log:
            log_request(trace)

    plain = plain_routes(classify.router)
    app.add_middleware(Front, service=service, keys=service.keys, ended=ended, plain=plain)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=TOLD_BY_HEADERS,
        )
    return app


def _lifespan(service: Service, desk: Desk, tracing: Tracing | None, *, wait_for_model: bool) -> Lifespan[FastAPI]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(service.load())
        if wait_for_model:
            await loading
        else:
            loading.add_done_callback(_told)
        try:
            yield
        finally:
            loading.cancel()
            await service.close()
            desk.close()
            if tracing:
                await tracing.close()

    return lifespan


def _told(loading: "asyncio.Task[None]") -> None:
    """The server ends by it, and says why."""
    if not loading.cancelled():
        loading.exception()
