"""Users of the service, for Locust: they classify, stream, look inside, and know what the answer must be.

    locust -f benchmarks/locustfile.py --host http://127.0.0.1:8000                     # with its web page
    locust -f benchmarks/locustfile.py --host http://127.0.0.1:8000 --headless -u 16 -t 60s --slo-p99-ms 500

`earshot bench locust` starts a service for it. Importing Locust changes the process that does it, so this is for
Locust alone.
"""

import random
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, cast

from locust import FastHttpUser, events, task
from locust.exception import CatchResponseError

sys.path.pop(0)  # Locust put this folder there, where `service` is the name of a file
sys.path.insert(0, str(Path(__file__).parents[1]))

from websockets import InvalidStatus

from benchmarks.answers import LOST, OK, WRONG
from benchmarks.load import code_of
from benchmarks.users.events import follow
from benchmarks.users.slo import CLASSIFY, DEBUG, REFUSED, STREAM
from benchmarks.users.sounds import HOP_S, Live, Pace, Sound
from benchmarks.users.stage import DEBUG_PATH, Stage
from benchmarks.wire import Answer
from service.stream.client import StreamError, listen

LONGEST_RETRY_S = 5.0
"""Whoever is asked to come back later than that comes back then."""

USUAL_RETRY_S = 1.0
"""Where the service, or a proxy before it, names no number of seconds."""

Message = dict[str, Any]


class Hearer(FastHttpUser):
    """What all users have in common."""

    abstract = True
    kind: ClassVar[str]
    stage: ClassVar[Stage]

    @property
    def options(self) -> Any:  # noqa: ANN401
        """Of the command line, or of the web page."""
        return self.environment.parsed_options

    def wait_time(self) -> float:
        """Until the next request: random, so that users do not march in step."""
        pause_s: float = self.options.pause_s
        return random.expovariate(1 / pause_s) if pause_s else 0.0

    def post(self, path: str, form: str) -> None:
        """Send any sound and judge the answer."""
        sound: Sound = random.choice(self.stage.sounds)  # noqa: S311
        body = sound.bodies[form]
        headers = {"Content-Type": body.content_type} | self.stage.host.headers
        name, data = f"{form} {sound.format}", cast(Any, body.data)
        with self.client.post(path, data, name=name, headers=headers, catch_response=True) as answer:
            answer.request_meta["request_type"] = self.kind
            code = self.code_of(answer.status_code, answer.content or b"", sound)
            later = (answer.headers or {}).get("retry-after")
            if code == OK:
                answer.success()
            elif answer.status_code == HTTPStatus.TOO_MANY_REQUESTS and later is not None:
                answer.request_meta["name"] = REFUSED
                answer.failure(code) if self.options.refusals_are_errors else answer.success()
                time.sleep(asked_to_wait(later))
            else:
                answer.failure(code)

    def code_of(self, status: int, body: bytes, sound: Sound) -> str:
        """OK, or what is wrong with the answer."""
        return code_of(Answer(status, body, 0.0), sound.label) if status else LOST


class ClassifyUser(Hearer):
    """Sends files, most of them as they are."""

    kind = CLASSIFY

    @task(6)
    def raw(self) -> None:
        """The file is the body."""
        self.post("/v1/classify", "raw")

    @task(2)
    def form(self) -> None:
        """As browsers send it."""
        self.post("/v1/classify", "form")

    @task(2)
    def packed(self) -> None:
        """In JSON."""
        self.post("/v1/classify", "JSON")


class DebugUser(Hearer):
    """Looks inside of the model."""

    kind = DEBUG

    @task
    def activations(self) -> None:
        """Of every layer that it shows if not asked for others."""
        self.post(DEBUG_PATH, "raw")

    def code_of(self, status: int, body: bytes, sound: Sound) -> str:
        """Feature maps name no sound, so there is no label to be wrong about."""
        return OK if status == HTTPStatus.OK and body else super().code_of(status, body, sound)


class StreamUser(Hearer):
    """Holds a microphone to the service, for five seconds at a time."""

    kind = STREAM

    @task
    def live(self) -> None:
        """Every hop is judged, and timed from when its last sample was to be sent."""
        sound: Live = random.choice(self.stage.live)  # noqa: S311
        pace, host = Pace(sound.pieces), self.stage.host
        try:
            for message in listen(host.stream_url, pace, sound.rate, hop_s=HOP_S, smoothing=0, key=host.key):
                self.hear(message, sound, pace)
        except StreamError as error:
            self.broken(error, pace.late_ms(0.0))

    def hear(self, message: Message, sound: Live, pace: Pace) -> None:
        """Hops that were answered, that were skipped, that could not be answered."""
        match message:
            case {"type": "prediction", "end_s": end_s, "predictions": [{"label": label}, *_], "skipped": skipped}:
                late_ms = pace.late_ms(end_s)
                self.tell("hop", late_ms, None if sound.label_at(end_s) in {None, label} else WRONG)
                for _ in range(skipped):
                    self.refuse(late_ms, "skipped")
            case {"type": "problem", "end_s": end_s, "retry_after_s": _}:
                self.refuse(pace.late_ms(end_s), message["code"])
            case {"type": "problem", "end_s": end_s}:
                self.tell("hop", pace.late_ms(end_s), message["code"])

    def broken(self, error: StreamError, late_ms: float) -> None:
        """A stream that was not opened, or ended too soon."""
        cause = error.__cause__
        if isinstance(cause, InvalidStatus) and cause.response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self.refuse(late_ms, str(error))
            time.sleep(asked_to_wait(cause.response.headers.get("Retry-After", "")))
        else:
            self.tell("stream", late_ms, str(error))

    def refuse(self, late_ms: float, code: str) -> None:
        """As documented, under overload."""
        self.tell(REFUSED, late_ms, code if self.options.refusals_are_errors else None)

    def tell(self, name: str, late_ms: float, problem: str | None) -> None:
        """In the way in which requests of its own are told."""
        self.environment.events.request.fire(
            request_type=self.kind, name=name, response_time=late_ms, response_length=0, context={},
            exception=None if problem is None else CatchResponseError(problem),
        )  # fmt: skip


def asked_to_wait(retry_after: str) -> float:
    """Seconds until a refused client comes back: it is polite, else it would only count refusals."""
    return min(float(retry_after), LONGEST_RETRY_S) if retry_after.isdecimal() else USUAL_RETRY_S


follow(events, Hearer)
