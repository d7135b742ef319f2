"""`earshot bench peers`: who takes part with which models, the contest, and what is kept of it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from benchmarks.kept import folder_for, keep
from benchmarks.page import Picture, Section, Table
from benchmarks.peers.contest import CALM, Contest, Plan, hold
from benchmarks.peers.contestants import Contestant, asked_for, gathered
from benchmarks.peers.drawing import draw
from benchmarks.peers.figures import all_of, glances_at, series_of
from benchmarks.peers.manners import LEAVING
from benchmarks.peers.shared import MAX_BATCH, SharedModel, shared_model
from benchmarks.peers.verdicts import judged
from benchmarks.report import Report, as_table, say, show, show_table
from benchmarks.server import end_tidily
from benchmarks.targets import Line
from contract.errors import EarshotError

PERCENTILES = "Latencies are those of right answers, or of refusals where that is said: read them beside the errors."
_MANNERS = (
    "Manners are tried with the slowest model. Clips for the departed are those that a server still computes when "
    f"{LEAVING} clients have hung up, until the next one is answered: the batch that the engine has begun cannot be "
    "taken back, the rest could be dropped. A dash stands where that cannot be told, because the model is too fast."
)


@dataclass(frozen=True)
class Match:
    """What is settled before it begins."""

    contestants: Sequence[Contestant]
    models: Sequence[SharedModel]
    plan: Plan
    absent: dict[str, str]
    """Who cannot take part, and why."""

    @property
    def method(self) -> list[str]:
        """In words."""
        subject, plan = self.models[0].subject, self.plan
        loads = (
            f"Servers on core {subject.server_cpus}, the client on core {subject.client_cpus}; medians of "
            f"{plan.rounds} rounds of {plan.seconds:g} s for each load, all servers in turn, each round in another "
            f"order. No server puts more than {MAX_BATCH} clips into a batch. Bodies are WAV files of 5 s; every "
            "answer is checked. The bare engine is ONNX Runtime alone on the servers' cores, before and after each "
            f"load, by one clip or {MAX_BATCH} at a time, whichever is faster; where it changed by more than "
            f"{100 * CALM:g} %, the load is repeated once, and the calmer one counts."
        )
        return [loads, PERCENTILES, _MANNERS] if plan.tempo else [loads, PERCENTILES]

    @property
    def facts(self) -> dict[str, Any]:
        """For the file of results."""
        models = {model.name: model.subject.facts | {"sha256": model.graph.sha256} for model in self.models}
        versions = {one.name: dict(one.versions) for one in self.contestants}
        return {"plan": asdict(self.plan), "models": models, "versions": versions, "absent": self.absent}


def arranged(models: str, only: str | None, plan: Plan, server_cpus: str, client_cpus: str) -> Match:
    """From the command line; an error where a name is wrong or nobody can take part."""
    asked = asked_for(only)
    shared = [shared_model(name.strip(), server_cpus, client_cpus) for name in models.split(",")]
    contestants, absent = gathered(asked, say)
    if not contestants:
        raise EarshotError("none of the servers that were asked for can be had here, for the reasons above")
    return Match(contestants, shared, plan, absent)


def run_peers(match: Match, out: Path | None, *, strict: bool) -> None:
    """Measure, show, keep, and fail by a missed target if that is wanted."""
    end_tidily()
    contest = hold(match.contestants, match.models, match.plan, say)
    if not contest.bouts:
        raise EarshotError("none of the servers could be measured, for the reasons above")
    report = Report("Earshot and its peers", judged(contest), {}, {})
    for heading, table in glances_at(contest):
        show_table(table, heading)
    say(PERCENTILES)
    if report.lines:
        show(report)
    folder = folder_for(report.provenance, out)
    sections = list(_sections(match, contest, report.lines, draw(contest, folder)))
    details = match.facts | {"failed": contest.absent, "bouts": [asdict(bout) for bout in contest.bouts]}
    keep(folder, "peers", report.title, report.provenance, sections, series_of(contest), details)
    say(f"kept in {folder}")
    if strict and report.missed:
        raise typer.Exit(1)


def _sections(
    match: Match, contest: Contest, lines: Sequence[Line], pictures: Sequence[Picture]
) -> Iterator[Section]:
    yield Section("At a glance", match.method, pictures=pictures)
    for heading, table in glances_at(contest):
        yield Section(heading, table=table)
    if lines:
        yield Section("Targets", [PERCENTILES], as_table(lines))
    for heading, table in all_of(contest):
        yield Section(heading, [PERCENTILES], table)
    rows = [
        (one.name, one.about, ", ".join(f"{name} {version}" for name, version in one.versions.items()))
        for one in match.contestants
    ]
    yield Section("Who they are", table=Table(("server", "what it does", "versions"), rows))
    if absent := match.absent | contest.absent:
        yield Section("Who is missing", [f"`{name}`: {why}" for name, why in absent.items()])
