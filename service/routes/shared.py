"""What routes find in a request: the service, and the trace that the front has begun."""

from typing import Any

from fastapi import Request
from pydantic import BaseModel

from service.serving import Service
from service.trace import Trace


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
