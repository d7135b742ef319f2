"""What can be wrong, as RFC 9457 tells it: one stable `code` each, a status, and a sentence for people.

No path, no library and no line of code is told to a stranger; those go to the log.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ExceptionHandler

from contract.audio import AudioError, DecoderMissing
from contract.errors import EarshotError
from service.batcher import NoEngine, Overloaded, whole_seconds
from service.jobs import EngineFailure
from service.line import LineClosed
from service.trace import Trace

PROBLEM_JSON = "application/problem+json"

PROTOCOL_PATH = "/v2"
"""Below it, the Open Inference Protocol is spoken."""

NO_DECODER = "Audio in this format cannot be decoded here: send WAV, FLAC, OGG or MP3."
"""What to install for it is nothing that a client could do."""


class Kind(NamedTuple):
    """A code's status and title."""

    status: int
    title: str


KINDS = {
    "empty_body": Kind(400, "There is no audio"),
    "invalid_request": Kind(400, "The request is not understood"),
    "unauthorized": Kind(401, "An API key is needed"),
    "not_found": Kind(404, "There is nothing here"),
    "too_large": Kind(413, "Too many bytes"),
    "too_long": Kind(413, "Too much sound"),
    "unsupported_media_type": Kind(415, "Not a type of body that is taken"),
    "undecodable_audio": Kind(422, "The audio cannot be decoded"),
    "overloaded": Kind(429, "Too much to do"),
    "internal": Kind(500, "Something is broken here"),
    "unavailable": Kind(503, "Cannot be answered at the moment"),
    "draining": Kind(503, "The service is shutting down"),
    "deadline_exceeded": Kind(504, "Not answered in time"),
}
"""Every code with its usual status. Besides, everywhere: a wrong method is `invalid_request` with 405, a head of more
than 64 KiB with 431."""

ALSO_AT = {"deadline_exceeded": (408,)}
"""Where the upload itself was too slow."""


class Problem(BaseModel):
    """The body of every refusal."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "The audio cannot be decoded",
                "status": 422,
                "detail": "This is not audio in a known format, such as WAV, FLAC, OGG, MP3 or M4A.",
                "code": "undecodable_audio",
                "request_id": "5f0c8a5e9d7b4c12",
            }
        },
        use_attribute_docstrings=True,
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    """What is wrong with this request, and what to do."""
    code: str = Field(json_schema_extra={"enum": [*sorted(KINDS)]})
    """Stable: the name that programs read."""
    request_id: str | None = None
    retry_after_s: float | None = None
    """Seconds after which the same request is expected to be taken."""
    error: str | None = None
    """On /v2 the detail again, under the name where the Open Inference Protocol's clients look for it."""


class ProblemError(Exception):
    """Raised wherever a request is found to be wrong; answered in one place."""

    def __init__(
        self, code: str, detail: str, status: int | None = None, retry_after: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status or KINDS[code].status
        self.retry_after = retry_after
        self.headers = headers or {}


def problem_of(error: Exception) -> ProblemError:
    """What an error is to the client that caused it, or suffers from it."""
    match error:
        case ProblemError():
            return error
        case AudioError():
            return ProblemError(error.code, NO_DECODER if isinstance(error, DecoderMissing) else str(error))
        case Overloaded():
            return ProblemError("overloaded", str(error), retry_after=error.retry_after)
        case NoEngine():
            return ProblemError("unavailable", str(error), retry_after=1.0)
        case LineClosed():
            return ProblemError("draining", "The service is shutting down and takes no new work.", retry_after=1.0)
        case EngineFailure():
            return ProblemError("unavailable", "The engine could not answer this sound, though it answers others.")
        case EarshotError():
            return ProblemError("invalid_request", str(error))
        case _:
            return ProblemError("internal", "Something is broken here; the log knows more, by the request's id.")


def invalid(error: ValidationError) -> ProblemError:
    """What a model found wrong first."""
    first = error.errors(include_input=False, include_url=False)[0]
    return _sentence(first["loc"], first["msg"])


def _sentence(where: tuple[int | str, ...], what: str) -> ProblemError:
    place = ".".join(str(part)[:50] for part in where) or "the request"
    plain = {"Extra inputs are not permitted": "nothing of this name is known here; see /docs"}.get(what, what)
    return ProblemError("invalid_request", f"{place}: {plain[:200]}")


def problem_body(problem: ProblemError, request_id: str | None, path: str = "") -> str:
    """As JSON."""
    body = Problem(
        title=KINDS[problem.code].title,
        status=problem.status,
        detail=problem.detail,
        code=problem.code,
        request_id=request_id,
        retry_after_s=None if problem.retry_after is None else round(problem.retry_after, 3),
        error=problem.detail if path.startswith(PROTOCOL_PATH) else None,
    )
    return body.model_dump_json(exclude_none=True)


def problem_response(problem: ProblemError, request_id: str | None, path: str = "") -> Response:
    """The answer to a request that was refused, in the form that is wanted at this path."""
    headers = dict(problem.headers)
    if problem.retry_after is not None:
        headers["Retry-After"] = str(whole_seconds(problem.retry_after))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(problem_body(problem, request_id, path), problem.status, headers, PROBLEM_JSON)


def documented(*codes: str, at: Mapping[str, int] | None = None) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: these codes, by status; `at` another than the usual one, where a route has its reasons."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for code in sorted(codes):
        usual = (KINDS[code].status, *ALSO_AT.get(code, ()))
        for status in (at[code],) if at and code in at else usual:
            content = {"schema": Problem.model_json_schema(), "examples": {}}
            entry = by_status.setdefault(status, {"description": "", "content": {PROBLEM_JSON: content}})
            entry["description"] += ("; " if entry["description"] else "") + f"`{code}`: {KINDS[code].title}"
            entry["content"][PROBLEM_JSON]["examples"][code] = {"value": _example(code, status)}
    return by_status


def _example(code: str, status: int) -> dict[str, Any]:
    problem = Problem(title=KINDS[code].title, status=status, detail="What is wrong, and what to do.", code=code)
    return problem.model_dump(exclude_none=True)


def add_handlers(app: FastAPI) -> None:
    """Answer the framework's own errors as problems; all others are the front's."""
    handlers: dict[type[Exception], ExceptionHandler] = {
        RequestValidationError: _invalid,
        HTTPException: _http,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  (what it is registered for)
    first = error.errors()[0]
    return _answer(_sentence(first["loc"][1:], first["msg"]), request)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  (what it is registered for)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        problem = ProblemError("not_found", f"There is nothing at {request.url.path[:200]}; see /docs.")
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        taken = headers.get("Allow", "another method")
        sentence = f"{request.method[:20]} is not answered at {request.url.path[:200]}, but {taken} is; see /docs."
        problem = ProblemError("invalid_request", sentence, error.status_code, headers=headers)
    else:
        problem = ProblemError("invalid_request", str(error.detail), error.status_code, headers=headers)
    return _answer(problem, request)


def _answer(problem: ProblemError, request: Request) -> Response:
    trace: Trace = request.state.trace
    trace.code = problem.code
    return problem_response(problem, trace.request_id, request.url.path)
