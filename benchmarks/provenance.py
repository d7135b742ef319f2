"""Where figures come from: the command, the commit, the machine, the versions of all that had a part in them."""

import platform
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
_ROOT = Path(__file__).parents[1]
_GIT_S = 10


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
    def here(cls) -> "Provenance":
        """Of what runs now."""
        return cls(
            command=_command(),
            commit=_commit(),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            machine=_machine(),
            python=platform.python_version(),
            packages={name: found for name in _PACKAGES if (found := _installed(name))},
        )


def _command() -> str:
    """Of paths that lead out of here only the last part: nobody else has the rest."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["earshot", *words])


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    count = sum(line.startswith("processor\t:") for line in lines)
    gib = int(Path("/proc/meminfo").read_text(encoding="utf-8").split()[1]) / 2**20
    name = names[0] if names else platform.machine()
    return f"{name}, {count} cores, {gib:.1f} GiB, Linux {platform.release()}"


def _commit() -> str:
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+" if changed else "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(_ROOT), *words]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_GIT_S)  # noqa: S603 (fixed words)
    return result.stdout.strip()


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
