"""What is refused by its head alone: under overload most requests are, so each must cost as little as can be.

The same question is asked again where a request is answered (`Serving.admit`): there, what is refused has gone half
of the way already. Where keys, other origins or spans are to be seen to, no request is spared that way.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from contract.errors import EarshotError
from service.problems import ProblemError, problem_of
from service.serving import Service

CLASSIFY = "/v1/classify"
"""The route that most of them want."""

_TIMEOUT = "timeout_ms"


class Doorstep:
    """Of one service."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self._service = service
        self._is_watched = bool(service.keys.are_needed or settings.cors_origins or settings.otlp_endpoint)

    def refusal(self, scope: Mapping[str, Any]) -> ProblemError | None:
        """What to tell a request whose head has just come; nothing where it goes on."""
        if self._is_watched or scope["path"] != CLASSIFY or scope["method"] != "POST":
            return None
        serving = self._service.current
        if serving is None or not serving.batcher.line.waiting:
            return None
        try:
            self._service.serving.admit(self._service.deadline(_timeout_ms(scope["query_string"])))
        except EarshotError as error:
            problem = problem_of(error)
            self._service.metrics.refused(problem.code, problem.status, CLASSIFY)
            return problem
        return None


def _timeout_ms(query: bytes) -> int | None:
    """As far as it is understood; what is not is said where the request is answered."""
    if _TIMEOUT.encode() not in query:
        return None
    (given, *_) = parse_qs(query.decode("latin-1")).get(_TIMEOUT, [""])
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 and int(given) else None
