"""From an HTTP body to a question that the model can be asked; whatever is wrong with it is found here."""

import asyncio
from typing import NamedTuple

from starlette.requests import Request

from service.bodies import QUICK_BYTES, Held, read_body
from service.engines.base import Samples
from service.model import ServedModel
from service.oip.encoding import inflated
from service.oip.inputs import AUDIO, rows_of
from service.oip.messages import InferRequest
from service.oip.numbers import Lightened, lighten
from service.oip.outputs import Wanted, wanted_of
from service.oip.requests import Parsed, json_length, parse, parsed_bytes, raw
from service.problems import ProblemError
from service.settings import Settings
from service.trace import Trace


class Question(NamedTuple):
    """What the model is asked."""

    request: InferRequest
    rows: Samples | list[bytes]
    """Samples that it hears as they are, or whole files."""
    wanted: list[Wanted]


async def read_question(
    request: Request, declared: int | None, settings: Settings, model: ServedModel, trace: Trace, held: Held
) -> Question:
    """The body and all that was made of it on the way is held by the caller, for as long as files lie in the rows."""
    body = await read_body(request, settings, held)
    trace.body_bytes = len(body)
    body = await inflated(body, request.headers.get("content-encoding"), settings.max_body_bytes, held)
    length = json_length(body, declared)
    if not length:
        return _understood(raw(AUDIO, body), model, settings.max_windows)
    if len(body) <= QUICK_BYTES:
        return _parsed(lighten(body[:length]), body, length, model, settings.max_windows)
    light = await asyncio.to_thread(lighten, body[:length])
    _hold_parsed(light.size + parsed_bytes(light.text), settings.max_upload_bytes, held)
    return await asyncio.to_thread(_parsed, light, body, length, model, settings.max_windows)


def _parsed(light: Lightened, body: bytes, length: int, model: ServedModel, most_rows: int) -> Question:
    return _understood(parse(light, memoryview(body)[length:]), model, most_rows)


def _understood(parsed: Parsed, model: ServedModel, most_rows: int) -> Question:
    return Question(parsed.request, rows_of(parsed, model, most_rows), wanted_of(parsed.request, model))


def _hold_parsed(size: int, most: int, held: Held) -> None:
    """Large JSON grows on being parsed: that counts as held too."""
    if size > most:
        raise ProblemError("too_large", "The JSON holds too many values: send large tensors as binary data.")
    held.take(size)
