"""What a connection refuses by itself, ahead of the application: the problems, and their bytes."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.problems import ProblemError, problem_response
from service.trace import request_id


def as_http(problem: ProblemError) -> bytes:
    """The whole answer, after which the connection is closed. There is no id in it: there was no request."""
    answer = problem_response(problem, None)
    lines = [STATUS_LINE[answer.status_code], b"connection: close\r\n"]
    lines += [b"%s: %s\r\n" % header for header in answer.raw_headers]
    return b"".join([*lines, b"\r\n", answer.body])


def as_app(problem: ProblemError) -> ASGIApp:
    """The answer to one request, in place of the application's."""

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        name = request_id(Headers(scope=scope))
        response = problem_response(problem, name, scope["path"])
        response.headers["X-Request-ID"] = name
        await response(scope, receive, send)

    return refusing


def no_http() -> ProblemError:
    """The parser can make nothing of it."""
    return ProblemError("invalid_request", "This is not a request in HTTP/1.1.")


def head_too_long(most: int) -> ProblemError:
    """Or what comes behind a body, or between its chunks."""
    return ProblemError("invalid_request", f"The head of the request is longer than {most:,} bytes.", 431)


def head_too_late(seconds: float) -> ProblemError:
    """It began, and did not end."""
    return ProblemError("deadline_exceeded", f"The head of the request did not come within {seconds:g} s.", 408)


def too_many_connections() -> ProblemError:
    """And here is one more."""
    return ProblemError("overloaded", "Too many connections are open.", retry_after=1.0)


def too_many_ahead() -> ProblemError:
    """Of requests on one connection."""
    return ProblemError("overloaded", "Too many requests were sent ahead.", retry_after=1.0)


def no_proxy() -> ProblemError:
    """CONNECT is for those."""
    return ProblemError("invalid_request", "This service is no proxy: send requests to it, not through it.")


def websocket_with_body() -> ProblemError:
    """Nobody could tell where the body ends and the WebSocket begins."""
    return ProblemError("invalid_request", "A request that begins a WebSocket must not have a body.")


def ended() -> ProblemError:
    """To whoever still waits when the process goes."""
    return ProblemError("draining", "The service ended before this was answered.", retry_after=1.0)
