"""The model that all servers share: where its graph lies, what it hears, and the order for the bare engine."""

import json
from dataclasses import dataclass, replace
from functools import cached_property

from benchmarks.clips import RATE
from benchmarks.peers.graphs import GRAPHS, made
from benchmarks.raw import RawOrder
from benchmarks.subject import Subject
from contract.bundle import BundleError, find_bundle, read_manifest
from contract.errors import EarshotError
from service.model import Graph, ServedModel
from service.serving import open_model
from service.settings import Settings

MAX_BATCH = 8
"""Nobody puts more clips into a batch: not Earshot, whose own limit is 4, not a peer, not the bare engine."""

_FLAGS = f"--device cpu --max-batch {MAX_BATCH}"
"""For Earshot; peers are told by their environment."""


@dataclass(frozen=True)
class SharedModel:
    """By the name under which its figures stand."""

    name: str
    subject: Subject

    @cached_property
    def served(self) -> ServedModel:
        """As the service knows it."""
        return open_model(Settings(**self.subject.model_settings))

    @property
    def graph(self) -> Graph:
        """What the service takes on a CPU."""
        graph = self.served.graph("int8") or self.served.graph("float32")
        assert graph is not None  # noqa: S101  (every bundle has one)
        return graph

    @property
    def order(self) -> RawOrder:
        """For the bare engine."""
        subject = self.subject
        return RawOrder(
            subject.model_settings, self.graph.precision, MAX_BATCH, len(subject.server), None, subject.clip_rate
        )

    @property
    def environment(self) -> dict[str, str]:
        """Tells the program of a peer what it serves."""
        return {
            "PEER_MODEL": str(self.graph.path.resolve()),
            "PEER_LABELS": json.dumps(self.served.labels),
            "PEER_SAMPLES": str(self.served.window_samples),
            "PEER_MAX_BATCH": str(MAX_BATCH),
            "PEER_THREADS": str(len(self.subject.server)),
        }


def shared_model(name: str, server_cpus: str, client_cpus: str) -> SharedModel:
    """One of the graphs that are made here, or the graph of a bundle with clips at its own rate."""
    if name in GRAPHS:
        own = Subject(model=made(name), sample_rate=RATE)
    else:
        own = Subject(bundle=name, clip_rate=_rate_of(name))
    return SharedModel(name, replace(own, flags=_FLAGS, server_cpus=server_cpus, client_cpus=client_cpus))


def _rate_of(bundle: str) -> int:
    try:
        folder = find_bundle(bundle)
    except BundleError as error:
        raise EarshotError(f"--models: {bundle!r} is none of {', '.join(GRAPHS)}, and there is {error}") from error
    return read_manifest(folder).audio.sample_rate
