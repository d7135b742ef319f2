"""What is measured, with what sounds, on which cores: said once, the same for the service and the bare engine."""

import shlex
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.clips import RATE, wav_bodies
from benchmarks.processes import PROC, Cpus, cpus_of
from contract.errors import EarshotError


@dataclass(frozen=True)
class Subject:
    """As the command line says it."""

    bundle: str | None = None
    """Name or folder; the service's own default if left alone."""
    model: Path | None = None
    """A bare ONNX file instead."""
    sample_rate: int | None = None
    """That a bare ONNX file hears."""
    labels: str | None = None
    flags: str = ""
    """More of them for the service."""
    clips: Path | None = None
    clip_rate: int = RATE
    server_cpus: str = "1"
    client_cpus: str = "0"

    def __post_init__(self) -> None:
        """Find out now what would fail after minutes."""
        if not (PROC / "self" / "stat").exists():
            raise EarshotError("what a process costs is read in /proc, so this measures on Linux only")
        _ = self.server, self.client

    @cached_property
    def server(self) -> Cpus:
        """Cores of the service."""
        return cpus_of(self.server_cpus)

    @cached_property
    def client(self) -> Cpus:
        """Cores of the client."""
        return cpus_of(self.client_cpus)

    @cached_property
    def bodies(self) -> list[bytes]:
        """Of the requests."""
        return wav_bodies(self.clips, self.clip_rate)

    @property
    def model_settings(self) -> dict[str, Any]:
        """Which model, in the words of the service's settings."""
        given = {"bundle": self.bundle, "sample_rate": self.sample_rate, "labels": self.labels}
        if self.model is not None:
            given["model"] = str(self.model.resolve())
        return {name: value for name, value in given.items() if value is not None}

    @property
    def serve_flags(self) -> list[str]:
        """For `earshot serve`."""
        pairs = [(f"--{name.replace('_', '-')}", str(value)) for name, value in self.model_settings.items()]
        return [word for pair in pairs for word in pair] + shlex.split(self.flags)

    @property
    def facts(self) -> dict[str, Any]:
        """For the file of results; of paths only the last part, which is the same elsewhere."""
        return {
            name: value.name if isinstance(value, Path) else value
            for name, value in asdict(self).items()
            if value not in {None, ""}
        } | {"body_bytes": len(self.bodies[0])}
