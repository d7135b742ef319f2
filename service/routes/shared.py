"""What routes find in a request: the service, and the trace that the front has begun."""

from fastapi import Request

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
