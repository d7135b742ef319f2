"""What `earshot tune` found out for this machine: a file in the cache for each graph and engine, read at the start.

A profile fills what nobody has set. It is believed only where all that decides a speed is as it was then: processor,
cores, graph, engine and its version. Anything else is left where it lies, and the log says so once.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from contract.files import cache_folder
from contract.provenance import processor
from service.cores import cores
from service.settings import Batch, Replicas, Settings, Threads

Note = Callable[[str], None]
GoalName = Literal["latency", "throughput"]

_LARGEST = 2**16
"""Bytes of a profile; a real one takes two thousand."""
_DIGITS = 12
_TOGETHER = frozenset({"replicas", "threads"})
"""They share the cores, so one of them says nothing beside another's other."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Tuning(_Kept):
    """What is tuned, in the words of the settings."""

    replicas: Replicas
    threads: Threads
    max_batch: Batch


class Goal(_Kept):
    """What a machine was tuned for."""

    name: GoalName
    p99_ms: Annotated[FiniteFloat, Field(gt=0)] | None = None
    """That 99 % of the answers had to keep to."""

    @property
    def words(self) -> str:
        """To go on with after `for`."""
        bound = "" if self.p99_ms is None else f" with p99 ≤ {self.p99_ms:.4g} ms"
        return f"{self.name}{bound}"


class Place(_Kept):
    """All that decides whether a profile fits."""

    processor: str
    cores: int
    """That this process may use."""
    engine: str
    version: str
    """Of the library that runs the graph."""
    device: str
    sha256: str
    """Of the graph."""

    @classmethod
    def here(cls, engine: str, version: str, device: str, sha256: str) -> "Place":
        """On this machine, of what an engine says of itself."""
        return cls(processor=processor(), cores=cores(), engine=engine, version=version, device=device, sha256=sha256)

    @property
    def file(self) -> Path:
        """Where its profile lies; a later version of the library takes the place of an earlier one."""
        digest = sha256(self.model_dump_json(exclude={"version"}).encode()).hexdigest()
        return cache_folder() / "profiles" / f"{self.engine}-{self.sha256[:_DIGITS]}-{digest[:_DIGITS]}.json"

    def unlike(self, other: "Place") -> str:
        """What differs, to go on with after `is for`."""
        mine, theirs = self.model_dump(), other.model_dump()
        return ", ".join(f"{name} {mine[name]}, not {theirs[name]}" for name in mine if mine[name] != theirs[name])


class Profile(_Kept):
    """What was found, for what, where and when."""

    schema_version: Literal[1] = 1
    place: Place
    tuning: Tuning
    goal: Goal
    figures: dict[str, FiniteFloat]
    date: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    commit: str
    versions: dict[str, str]


def find_profile(place: Place, note: Note) -> Profile | None:
    """The one for this place; what cannot be believed is told."""
    try:
        file = place.file
    except RuntimeError:  # nobody's home is known here, so nobody has kept anything in it
        return None
    try:
        profile = _read(file)
    except FileNotFoundError:
        _tell_of_others(file.parent, note)
    except OSError as error:
        note(f"the profile {file} cannot be read ({error.strerror}), so it is left alone")
    except ValidationError:
        note(f"the profile {file} is damaged or of another version, so it is left alone: earshot tune writes it anew")
    else:
        if profile.place == place:
            return profile
        note(f"the profile {file} is for {profile.place.unlike(place)}, so it is left alone: run earshot tune again")
    return None


def tuned(settings: Settings, place: Place, note: Note) -> tuple[Settings, str]:
    """The settings with what a profile says about those that were left alone; and words about it, to end a reason."""
    alone = _left_alone(settings) if settings.profile else frozenset()
    profile = find_profile(place, note) if alone else None
    if profile is None:
        return settings, ""
    found: dict[str, Any] = profile.tuning.model_dump(include=set(alone))
    words = ", ".join(f"{name} {value}" for name, value in found.items())
    return settings.model_copy(update=found), (
        f"; {words} by the profile of {profile.date:%Y-%m-%d}, made by earshot tune for {profile.goal.words}"
    )


def _left_alone(settings: Settings) -> frozenset[str]:
    free = frozenset(Tuning.model_fields) - settings.model_fields_set
    return free if free >= _TOGETHER else free - _TOGETHER


def _read(file: Path) -> Profile:
    with file.open("rb") as opened:
        return Profile.model_validate_json(opened.read(_LARGEST))


def _tell_of_others(folder: Path, note: Note) -> None:
    if others := len(list(folder.glob("*.json"))):
        note(
            f"{folder} has profiles ({others}), but none for this graph and engine on this machine: "
            "earshot tune makes one"
        )
