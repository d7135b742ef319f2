"""BentoML: a service that takes bytes in front of one that batches.

A batchable API takes and gives batches, so the body of one request needs the two services that its documentation
shows; each runs in a process of its own. `max_latency_ms` sheds load and is set out of the way. The client between
the two closes its session every 100 requests and fails those in flight (BentoML's issue 5540), so that is raised.
"""

from pathlib import Path
from typing import Annotated

import bentoml
from bentoml.validators import ContentType
from engine import MAX_BATCH, Answer, Engine

_SERVICE = {
    "workers": 1,
    "traffic": {"timeout": 120},
    "logging": {"access": {"enabled": False}},
    "runner_connection": {"max_requests": 10**9, "max_age": 86_400.0},
}


@bentoml.service(**_SERVICE)
class Model:
    """The one that batches."""

    def __init__(self) -> None:
        self.engine = Engine()

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH, max_latency_ms=60_000)
    def classify(self, bodies: list[bytes]) -> list[dict]:
        """What came together."""
        return self.engine.hear(bodies)


@bentoml.service(**_SERVICE)
class Entry:
    """The one that clients talk to."""

    model = bentoml.depends(Model)

    @bentoml.api(route="/predict")
    async def predict(self, audio: Annotated[Path, ContentType("audio/wav")], /) -> dict:
        """Name a sound."""
        answers: list[Answer] = await self.model.to_async.classify([audio.read_bytes()])
        return answers[0]
