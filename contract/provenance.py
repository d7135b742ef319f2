"""Where a figure comes from: the commit of the source, and the processor that measured."""

import platform
import subprocess
from pathlib import Path

_GIT_SECONDS = 10  # a checkout on a dead network drive must not hang whoever asks


def source_commit() -> str:
    """Commit of the source that runs, with + where files differ from it; 'unknown' outside a checkout."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+" if changed else "")


def processor() -> str:
    """Its maker's name for it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _git(*words: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *words]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_GIT_SECONDS)  # noqa: S603 (fixed words)
    return result.stdout.strip()
