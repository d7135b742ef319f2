"""What happens around a load: options are read, the stage is set, answers are counted, promises are judged.

Only the locustfile may import this, since it imports Locust.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, cast

from gevent import get_hub
from locust import LoadTestShape
from locust.env import Environment
from locust.event import Events
from locust.exception import StopTest
from locust.runners import WorkerRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

from benchmarks.kept import without_nan
from benchmarks.targets import Line
from benchmarks.users.options import add_options, shape_of, slo_of, weights_of
from benchmarks.users.shapes import Shape
from benchmarks.users.slo import Answers, Ledger, are_held, as_json, sentence
from benchmarks.users.stage import Stage
from contract.errors import EarshotError
from contract.files import replacing

_LEDGER = "earshot"
"""Under which workers hand over what they counted."""


class Drawn(LoadTestShape):
    """A shape, as Locust wants to be told of it."""

    abstract = True  # else Locust would take it for the shape of every load

    def __init__(self, shape: Shape, rate: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._shape, self._rate = shape, rate

    def tick(self) -> tuple[int, float] | None:
        """Users, and how many may come or go in a second."""
        users = self._shape.users_at(time.perf_counter() - self.start_time)
        return None if users is None else (users, self._rate)


class Load:
    """One load, or one after the other from the web page."""

    def __init__(self, common: Any, environment: Environment) -> None:  # noqa: ANN401
        self._common, self._environment = common, environment
        self._options = cast(Any, environment.parsed_options)
        self._chosen: list[Any] = list(environment.user_classes)
        self._ledger = Ledger()
        self._kinds: dict[str, Answers] = {}
        self._lines: list[Line] = []
        if shape := shape_of(self._options):
            environment.shape_class = Drawn(shape, self._options.spawn_rate or shape.most)
        self._listen(environment.events)

    def set_stage(self) -> None:
        """Find out what can be sent and who takes part; an EarshotError says why nothing and nobody."""
        users: list[Any] = self._environment.user_classes if self._options.class_picker else self._chosen
        stage = Stage.set_for(self._environment.host)
        weights = weights_of(self._options)
        taking_part = stage.cast({user.kind: weights[user.kind] for user in users})
        for user in users:
            user.weight = taking_part.get(user.kind, 0)
        self._environment.user_classes[:] = [user for user in users if user.weight]
        self._common.stage = stage

    def _listen(self, events: Events) -> None:
        events.test_start.add_listener(self._begin)
        events.request.add_listener(self._ledger.heard)
        events.reset_stats.add_listener(self._ledger.clear)
        events.report_to_master.add_listener(lambda data, **_: data.update({_LEDGER: self._ledger.handed_over()}))
        events.worker_report.add_listener(lambda data, **_: self._ledger.add(data.get(_LEDGER, {})))
        events.quitting.add_listener(self._judge)
        events.quit.add_listener(self._tell)

    def _begin(self, **_: object) -> None:
        """On the web page, this is where it is known which service is meant."""
        self._ledger.clear()
        if not self._options.headless:
            try:
                self.set_stage()
            except EarshotError as error:
                raise StopTest(str(error)) from None

    def _judge(self, **_: object) -> None:
        """Before Locust makes up its mind about the exit code; workers have handed over what there is to judge."""
        if isinstance(self._environment.runner, WorkerRunner):
            return
        if self._options.csv_prefix:
            time.sleep(CSV_STATS_INTERVAL_SEC)  # until what came last is written down too
        self._kinds, slo = self._ledger.kinds, slo_of(self._options)
        self._ledger.clear()  # after Ctrl-C, users go on until Locust ends them
        self._lines = slo.judged(self._kinds)
        if slo.is_asked:
            crashed = bool(self._environment.runner and self._environment.runner.exceptions)
            self._environment.process_exit_code = int(crashed or not are_held(self._lines))
        if self._options.slo_json:
            with replacing(Path(self._options.slo_json)) as aside:
                aside.write_text(
                    json.dumps(without_nan(as_json(self._kinds, self._lines)), indent=1), encoding="utf-8"
                )

    def _tell(self, **_: object) -> None:
        """When all tables have been printed."""
        for kind, answers in self._kinds.items():
            print(f"{kind}: {answers}")
        for line in self._lines:
            print(sentence(line))


def follow(events: Events, common: Any) -> None:  # noqa: ANN401
    """Be told of everything that happens to users that have this class in common."""

    def begin(environment: Environment, **_: object) -> None:
        load = Load(common, environment)
        if environment.parsed_options is not None and environment.parsed_options.headless:
            try:
                load.set_stage()
            except EarshotError as error:
                sys.exit(f"error: {error}")

    hub = get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, StopTest)  # Locust says why it stops: no stack trace need be printed for it
    events.init_command_line_parser.add_listener(add_options)
    events.init.add_listener(begin)
