"""What one request went through. Headers, metrics, spans, the log and the answer's `timings` are all made of it."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from service.jobs import End, Job
from service.schemas import ModelUsed

_GOOD_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(slots=True)
class Trace:
    """Filled in as the request goes on."""

    request_id: str
    method: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """As they came: they may say which trace this request is a part of. There are keys in them: never to be shown."""
    route: str = ""
    """The route's pattern, never the path: a stranger must not make labels."""
    start: float = field(default_factory=time.monotonic)
    """On the clock of the line, like all points in time here."""
    end: float | None = None
    code: str = "ok"
    """Of the problem, if there was one."""
    status: int = 0
    decode_s: float | None = None
    queue_start: float | None = None
    queue_s: float | None = None
    engine_s: float | None = None
    batch_size: int = 0
    windows: int = 0
    audio_s: float = 0.0
    body_bytes: int = 0
    key: str | None = None
    """Name of the API key, as far as it may be shown."""
    model: ModelUsed | None = None
    """What answered, or was to answer."""
    trace_id: str | None = None
    """Under which its spans are sent, to find them from the log."""

    def of_job(self, job: Job) -> None:
        """Take over what the line has measured, as far as the job came."""
        if not job.submitted:
            return
        self.queue_start, self.queue_s = job.submitted, job.queue_seconds
        self.batch_size = job.batch_size
        if job.end is End.ANSWERED:
            self.engine_s = job.engine_seconds

    def finish(self) -> None:
        """It is over: from now on `total_s` stands still, so that all who ask are told the same."""
        self.end = time.monotonic()

    @property
    def total_s(self) -> float:
        """Since the head of the request was read."""
        return (self.end or time.monotonic()) - self.start

    def server_timing(self) -> str:
        """The stages that were reached, in milliseconds."""
        stages = (("decode", self.decode_s), ("queue", self.queue_s), ("engine", self.engine_s))
        return ", ".join(f"{name};dur={milliseconds(seconds)}" for name, seconds in stages if seconds is not None)


def milliseconds(seconds: float | None) -> float:
    """As they are told everywhere: what did not happen took none."""
    return round((seconds or 0.0) * 1000, 3)


def request_id(headers: Mapping[str, str]) -> str:
    """The client's own, if it is harmless."""
    given = headers.get("x-request-id")
    return given if given and _GOOD_ID.fullmatch(given) else os.urandom(8).hex()
