"""The profile that tuning leaves for `earshot serve`: written, shown, forgotten. Where it lies, the service says."""

from typing import Any

from benchmarks.provenance import Provenance
from benchmarks.report import Say
from benchmarks.served import Served
from benchmarks.subject import Subject
from benchmarks.tuning.choice import Measured, Tuned
from benchmarks.tuning.grid import name_of
from contract.errors import EarshotError
from contract.files import replacing
from service.profiles import Goal, Place, Profile, find_profile


def place_of(facts: dict[str, Any]) -> Place:
    """Of what `/v1/model` says of the engine."""
    engine = facts["engine"]
    return Place.here(engine["name"], engine["version"], engine["device"], engine["sha256"])


def write_profile(tuned: Tuned, place: Place, origin: Provenance, say: Say) -> None:
    """For the service that starts here next; an error where nothing reached the goal."""
    best = tuned.chosen
    if best is None:
        raise EarshotError(
            f"nothing here gives {tuned.goal.words}, so no profile was written: allow more by --p99-ms"
        )
    profile = Profile(
        place=place,
        tuning=best.tuning,
        goal=tuned.goal,
        figures=_figures("", best, tuned.goal) | _figures("default: ", tuned.default, tuned.goal),
        commit=origin.commit,
        versions=origin.packages,
    )
    with replacing(place.file) as aside:
        aside.write_text(profile.model_dump_json(indent=1) + "\n", encoding="utf-8")
    name = name_of(best.tuning, on_gpu=tuned.on_gpu)
    say(
        f"earshot serve takes {name} from now on, for this model on this machine\n"
        f"kept in {place.file}; earshot serve --no-profile leaves it alone, earshot tune --forget removes it"
    )


def show_profile(subject: Subject, say: Say) -> None:
    """What the service takes here if nothing else is set, and where that comes from."""
    facts = _facts(subject, "--profile")
    engine, place = facts["engine"], place_of(facts)
    say(f"{facts['name']} by {engine['name']} on {engine['device']}: {engine['chosen_because']}")
    profile = find_profile(place, say)
    say(f"{place.file}\n{profile.model_dump_json(indent=1)}" if profile else "no profile is in force")


def forget_profile(subject: Subject, say: Say) -> None:
    """The service goes by its defaults again."""
    file = place_of(_facts(subject)).file
    was_there = file.exists()
    file.unlink(missing_ok=True)
    say(f"{file} is gone" if was_there else "there is no profile for this model on this machine")


def _facts(subject: Subject, *more: str) -> dict[str, Any]:
    with Served([*subject.serve_flags, *more]) as served:
        served.wait_until_ready()
        return served.model_facts()


def _figures(prefix: str, one: Measured, goal: Goal) -> dict[str, float]:
    best = one.best(goal.p99_ms)
    reached = {"requests per s": best.per_s, "p99 ms": best.p99_ms} if best else {}
    return {f"{prefix}{name}": value for name, value in {"lone p50 ms": one.lone_ms, **reached}.items()}
