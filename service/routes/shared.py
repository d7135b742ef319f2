"""What routes find in a request: the service, and the trace that the front has begun."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from service.jobs import Job
from service.judge import Row
from service.reception import way_to_be_told
from service.serving import Service, Serving
from service.trace import Trace
from service.waiting import answered


class PlainRoute(APIRoute):
    """Documented like any other, but its function gets the request as it is and answers by itself.

    For the routes where the tenths of a millisecond count that the framework takes to find a route, to open what it
    may have to close, and to read parameters.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function itself."""
        return cast("Callable[[Request], Coroutine[Any, Any, Response]]", self.endpoint)


def plain_routes(router: APIRouter) -> dict[tuple[str, str], APIRoute]:
    """Those of a router, by method and path."""
    routes = [route for route in router.routes if isinstance(route, PlainRoute)]
    return {(method, route.path): route for route in routes for method in route.methods or ()}


def service_of(request: Request) -> Service:
    """The one that the app was made with."""
    service: Service = request.app.state.service
    return service


def trace_of(request: Request) -> Trace:
    """Of this request."""
    trace: Trace = request.state.trace
    return trace


def query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    """For OpenAPI, where a route reads its query by itself."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": {key: value for key, value in schema.items() if key != "description"},
            "description": schema.get("description", ""),
        }
        for name, schema in model.model_json_schema()["properties"].items()
    ]


async def computed(request: Request, serving: Serving, job: Job) -> list[Row]:
    """The rows of a job, unless its client leaves; its times are in the trace, however it ends."""
    try:
        return await answered(serving.batcher, job, way_to_be_told(request.scope) or partial(_watched, request))
    finally:
        trace_of(request).of_job(job)


def _watched(request: Request, act: Callable[[], None]) -> Callable[[], object]:
    """Where the connection is not one of ours."""

    async def watch() -> None:
        await gone(request)
        act()

    return asyncio.get_running_loop().create_task(watch()).cancel


async def gone(request: Request) -> None:
    """Comes back when the client has hung up: after the body, nothing else can arrive."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
