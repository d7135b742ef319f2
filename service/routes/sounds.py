"""How a sound comes to a route: what its body may be, what is asked beside it, and what is heard in it."""

from collections import Counter
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from service.bodies import audio_in, kind_of_body, receive_body
from service.hearing import Sound
from service.problems import ProblemError, invalid
from service.routes import examples
from service.routes.shared import gone, trace_of
from service.schemas import AudioInJson
from service.serving import Service, Serving

Query = TypeVar("Query", bound=BaseModel)

_BINARY = {"schema": {"type": "string", "format": "binary"}}
BODIES: dict[str, Any] = {
    "required": True,
    "content": {
        "audio/*": _BINARY,
        "application/octet-stream": _BINARY,
        "multipart/form-data": {
            "schema": {"type": "object", "required": ["file"], "properties": {"file": _BINARY["schema"]}}
        },
        "application/json": {"schema": AudioInJson.model_json_schema(), "example": {"audio": examples.SMALLEST_WAV}},
    },
}
"""For OpenAPI."""


async def heard(request: Request, service: Service, serving: Serving, deadline: float) -> Sound:
    """The sound in the body."""
    trace, kind = trace_of(request), kind_of_body(request.headers)
    with service.uploads.holding() as held:
        body = await receive_body(request, service.settings, held)
        trace.body_bytes = len(body)
        audio = await audio_in(body, kind, request.headers)
        sound, trace.decode_s = await serving.hearing.hear(audio, deadline, lambda: gone(request))
    return sound


def query_of(request: Request, kind: type[Query]) -> Query:
    """By hand: the framework's own way costs a tenth of a millisecond, mostly where nothing is asked for."""
    given = request.query_params.multi_items()
    asked = dict(given)
    if len(asked) < len(given):
        ((name, _),) = Counter(name for name, _ in given).most_common(1)
        raise ProblemError("invalid_request", f"{name[:50]} is given more than once.")
    try:
        return kind.model_validate(asked)
    except ValidationError as error:
        raise invalid(error) from None
