"""Where figures come from: the command, the commit, the machine, the versions of all that had a part in them."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from contract.provenance import processor, source_commit

_PACKAGES = (
    "earshot",
    "onnxruntime",
    "numpy",
    "soundfile",
    "soxr",
    "fastapi",
    "pydantic",
    "uvicorn",
    "uvloop",
    "httptools",
)
_DRIVER_SECONDS = 10


@dataclass(frozen=True)
class Provenance:
    """Stands beside every figure."""

    command: str
    commit: str
    """With + where files differ from it."""
    date: str
    machine: str
    python: str
    packages: dict[str, str]

    @classmethod
    def here(cls, more: Sequence[str] = ()) -> "Provenance":
        """Of what runs now; `more`: packages that had a part in it besides."""
        return cls(
            command=_command(),
            commit=source_commit(),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            machine=_machine(),
            python=platform.python_version(),
            packages={name: found for name in (*_PACKAGES, *more) if (found := _installed(name))},
        )


def _command() -> str:
    """Of paths that lead out of here only the last part: nobody else has the rest."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["earshot", *words])


def _machine() -> str:
    gib = int(Path("/proc/meminfo").read_text(encoding="utf-8").split()[1]) / 2**20
    return ", ".join([processor(), f"{os.cpu_count()} cores", f"{gib:.1f} GiB", *_gpus()])


def _gpus() -> list[str]:
    """As their driver calls them; none where there is no driver."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_DRIVER_SECONDS)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return answer.stdout.strip().splitlines()


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
