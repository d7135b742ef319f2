"""What one request went through. Headers, metrics, spans, the log and the answer's `timings` are all made of it."""

import time
from dataclasses import dataclass, field

from service.jobs import End, Job


@dataclass(slots=True)
class Trace:
    """Filled in as the request goes on."""

    request_id: str
    route: str = ""
    """The route's pattern, never the path: a stranger must not make labels."""
    start: float = field(default_factory=time.perf_counter)
    code: str = "ok"
    """Of the problem, if there was one."""
    status: int = 0
    decode_s: float | None = None
    queue_s: float | None = None
    engine_s: float | None = None
    batch_size: int = 0
    windows: int = 0
    audio_s: float = 0.0
    body_bytes: int = 0
    key: str | None = None
    """Name of the API key, as far as it may be shown."""

    def of_job(self, job: Job) -> None:
        """Take over what the line has measured, as far as the job came."""
        if job.started:
            self.queue_s = job.queue_seconds
            self.batch_size = job.batch_size
            if job.end is End.ANSWERED:
                self.engine_s = job.engine_seconds

    @property
    def total_s(self) -> float:
        """Since the head of the request was read."""
        return time.perf_counter() - self.start

    def server_timing(self) -> str:
        """The stages that were reached, in milliseconds."""
        stages = (("decode", self.decode_s), ("queue", self.queue_s), ("engine", self.engine_s))
        return ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in stages if seconds is not None)
