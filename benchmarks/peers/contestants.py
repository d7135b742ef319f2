"""Who takes part: Earshot from this checkout, peers from environments of their own, all started in the same way."""

import http.client
import os
import shlex
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from benchmarks.peers.catalogue import PEERS, SERVERS, Peer
from benchmarks.peers.environments import FOLDER, environment_of, versions_in
from benchmarks.peers.shared import MAX_BATCH, SharedModel
from benchmarks.report import Say
from benchmarks.served import Served
from benchmarks.server import Server, free_port
from benchmarks.wire import CLASSIFY
from contract.errors import EarshotError

OURS = "earshot"
NAMES = (OURS, *(peer.name for peer in PEERS))

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Contestant:
    """One server, to be started again and again."""

    name: str
    about: str
    path: str
    """Where it takes sounds."""
    start: Callable[[SharedModel], Server]
    """On the model's cores."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of what it runs with; those of Earshot stand at the head of every result."""


class PeerServer(Server):
    """A peer that runs, in an empty folder of its own."""

    def __init__(self, peer: Peer, python: Path, model: SharedModel) -> None:
        """Start it."""
        self._scratch = tempfile.TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True)
        self._path, self._body = peer.path, model.subject.bodies[0]
        port = free_port()
        filled = {"port": port, "port2": free_port(), "port3": free_port(), "scratch": self._scratch.name}
        env = os.environ | _ONE_THREAD | model.environment | {"PYTHONPATH": str(SERVERS)}
        env |= {name: value.format(**filled) for name, value in peer.env.items()}
        words = [str(python), *shlex.split(peer.words.format(**filled))]
        super().__init__(peer.name, words, port, model.subject.server, env=env, cwd=Path(self._scratch.name))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Its folder goes too."""
        super().__exit__(kind, error, trace)
        self._scratch.cleanup()

    def is_ready(self) -> bool:
        """By its first answer, since each has a word of its own for it."""
        return self.post(self._path, self._body)[0] == http.client.OK


def ours() -> Contestant:
    """`earshot serve`, with every setting left alone but the largest batch, which is that of all."""
    return Contestant(
        OURS,
        f"Earshot: batches of up to {MAX_BATCH}, whatever waited while the engine was busy",
        CLASSIFY,
        lambda model: Served(model.subject.serve_flags, model.subject.server),
    )


def theirs(peer: Peer, python: Path) -> Contestant:
    """A peer, run by this Python."""
    return Contestant(
        peer.name,
        peer.about,
        peer.path,
        lambda model: PeerServer(peer, python, model),
        versions_in(python, peer),
    )


def asked_for(only: str | None) -> list[str]:
    """Names with commas between them, all if none; an error for one that nobody has."""
    names = [name.strip() for name in only.split(",")] if only else list(NAMES)
    if unknown := [name for name in names if name not in NAMES]:
        raise EarshotError(f"--only: there is no server {unknown[0]!r} here, only {', '.join(NAMES)}")
    return names


def gathered(names: list[str], say: Say, folder: Path = FOLDER) -> tuple[list[Contestant], dict[str, str]]:
    """Those that can take part, and why the others cannot."""
    found: list[Contestant] = []
    absent: dict[str, str] = {}
    for name in names:
        try:
            found.append(ours() if name == OURS else _peer(name, say, folder))
        except EarshotError as error:
            absent[name] = str(error)
            say(absent[name])
    return found, absent


def _peer(name: str, say: Say, folder: Path) -> Contestant:
    peer = next(peer for peer in PEERS if peer.name == name)
    return theirs(peer, environment_of(peer, say, folder))
