"""An environment for each peer: made when it is first wanted, and made anew when what it needs has changed."""

import json
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.catalogue import Peer
from benchmarks.report import Say
from contract.errors import EarshotError

FOLDER = Path(__file__).parents[2] / ".peers"
_MADE_FROM = "made-from.txt"
_INSTALL = ("install", "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "1")
_VERSIONS = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


def environment_of(peer: Peer, say: Say, folder: Path = FOLDER) -> Path:
    """Its Python. Without a network, or where a package cannot be had, one line that says so."""
    place = folder / peer.main_package
    python, made_from = place / "bin" / "python", place / _MADE_FROM
    wanted = _wanted(peer)
    if made_from.is_file() and made_from.read_text(encoding="utf-8") == wanted:
        if python.is_file():
            return python
        say(f"{peer.name}: the Python of its environment is gone")
    say(f"{peer.name}: making its environment in {place.name}, once")
    made_from.unlink(missing_ok=True)
    _run(peer, "venv", "--clear", "--without-pip", str(place))
    _run(peer, "pip", "--python", str(python), *_INSTALL, *(f"-r{file}" for file in peer.requirements))
    made_from.write_text(wanted, encoding="utf-8")
    return python


def versions_in(python: Path, peer: Peer) -> dict[str, str]:
    """Of what its requirements name, as they are installed."""
    names = re.findall(r"^([\w-]+)", _wanted(peer), re.MULTILINE)
    words = [str(python), "-c", _VERSIONS, *names]
    found: dict[str, str] = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)  # noqa: S603
    return found


def _wanted(peer: Peer) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in peer.requirements)


def _run(peer: Peer, *words: str) -> None:
    done = subprocess.run([sys.executable, "-m", *words], check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        why = said[-1].removeprefix("ERROR: ") if said else "it said nothing"
        raise EarshotError(f"{peer.name}: its environment could not be made: {why}")
