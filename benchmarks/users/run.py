"""A service and Locust's users on it, both as processes: started, watched, ended, and what came of it kept."""

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.kept import folder_for, keep
from benchmarks.page import Section, Table
from benchmarks.processes import on_cpus
from benchmarks.provenance import Provenance
from benchmarks.report import say, say_where
from benchmarks.series import Series, gathered
from benchmarks.served import Served
from benchmarks.subject import Subject
from benchmarks.wire import HOST
from contract.errors import EarshotError

ROOT = Path(__file__).parents[2]
LOCUSTFILE = ROOT / "benchmarks" / "locustfile.py"

NAME = "load-locust"
"""Of the folder; and of what is in it, but for what Locust calls in its own way."""

TITLE = "Users of many kinds"

_PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")

STOP_S = 10
"""That users have to finish what they began: whatever was accepted is to be answered."""


@dataclass(frozen=True)
class Order:
    """What Locust is to do."""

    users: int
    seconds: float
    shape: str | None = None
    p99_ms: float | None = None
    error_rate: float | None = None
    flags: str = ""
    """More of them, in Locust's own words and those of the locustfile."""

    def words(self, url: str, folder: Path, verdicts: Path) -> list[str]:
        """Its command line."""
        promised = {"--shape": self.shape, "--slo-p99-ms": self.p99_ms, "--slo-error-rate": self.error_rate}
        return [
            *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--host", url),
            *("-u", str(self.users), "-r", str(min(self.users, 100)), "-t", f"{round(self.seconds)}s"),
            *("--stop-timeout", str(STOP_S), "--html", str(folder / "locust.html"), "--csv", str(folder / "locust")),
            *(word for flag, value in promised.items() if value is not None for word in (flag, f"{value}")),
            *("--slo-json", str(verdicts)),
            *shlex.split(self.flags),
        ]


def run(subject: Subject, order: Order, out: Path | None = None) -> int:
    """Locust's exit code: 0 where every promise was kept."""
    if find_spec("locust") is None:
        raise EarshotError("this command needs locust, which is not installed: pip install -e '.[bench]'")
    origin = Provenance.here()
    with Served(subject.serve_flags, subject.server) as served, tempfile.TemporaryDirectory() as aside:
        ready_s = served.wait_until_ready()
        facts = served.model_facts()
        say(f"{facts['name']} is served after {ready_s:.1f} s; {order.users} users for {order.seconds:g} s")
        folder = out or folder_for(origin) / NAME
        folder.mkdir(parents=True, exist_ok=True)
        verdicts = Path(aside) / "verdicts.json"
        with on_cpus(subject.client):
            code = _code_of(order.words(f"http://{HOST}:{served.port}", folder, verdicts))
        if verdicts.exists():
            found = json.loads(verdicts.read_text(encoding="utf-8"))
            details = found | {"order": asdict(order), "engine": facts["engine"], "locust": version("locust")}
            keep(folder, NAME, TITLE, origin, list(_sections(found)), list(_series(found)), details)
            say_where(folder, NAME)
        _end(served)
    return code


def _code_of(words: Sequence[str]) -> int:
    """Ctrl-C ends Locust, which then says what it has; it does not end this."""
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL)  # noqa: S603  (our own program)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def _end(served: Served) -> None:
    served.terminate()
    if (status := served.wait()) != 0:
        raise EarshotError(f"the service did not end as it should after the load: {status}")


def _sections(found: dict[str, Any]) -> Iterator[Section]:
    head = ("users", "asked", "right", "refused", "failed", *(name.replace("_", " ") for name in _PERCENTILES))
    rows = [
        [kind, one["asked"], one["right"], one["refused"], sum(one["failed"].values()), *map(one.get, _PERCENTILES)]
        for kind, one in found["kinds"].items()
    ]
    words = [
        "Latencies are those of right answers. Locust's own page, with curves over time, is `locust.html`.",
        "Users wait for an answer before they ask again, so a slow service is asked less often than a fast one.",
    ]
    yield Section("Answers", words, Table(head, rows))
    promised = [[one["what"], one["value"], one["unit"], one["at_most"], one["verdict"]] for one in found["slo"]]
    if promised:
        yield Section("Promises", (), Table(("figure", "value", "unit", "at most", ""), promised))


def _series(found: dict[str, Any]) -> Iterator[Series]:
    for kind, one in found["kinds"].items():
        for name in _PERCENTILES:
            if one[name] is not None:
                yield gathered(f"{kind}/{name.removesuffix('_ms')}", "ms", "lower", [one[name]])
