"""The service as users run it: `earshot serve` in a process and a session of its own."""

import http.client
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.processes import Cpus
from benchmarks.server import Server, free_port
from service.settings import OF_OTHER_COMMANDS, PREFIX

PROGRAM = Path(__file__).parents[1] / "cli.py"


class Served(Server):
    """A service that runs; gone at the end of the `with`."""

    def __init__(self, flags: Sequence[str] = (), cpus: Cpus | None = None, program: Path = PROGRAM) -> None:
        """Start it, on these cores only, from the tree in which the program lies, by its defaults."""
        port = free_port()
        words = [sys.executable, str(program), "serve", "--port", str(port), *flags]
        super().__init__("the service", words, port, cpus, env=environment_of(program.parent))

    def is_ready(self) -> bool:
        """By its own word."""
        return self.get("/readyz")[0] == http.client.OK

    def model_facts(self) -> dict[str, Any]:
        """What it says that it serves."""
        facts: dict[str, Any] = json.loads(self.get("/v1/model")[1])
        return facts

    def has_loaded(self, library: str) -> bool:
        """Whether a file whose path has this in it is mapped."""
        return processes.has_loaded(self.session, library)


def environment_of(tree: Path) -> dict[str, str]:
    """In which a program finds the modules of its own tree, and nothing of what the user or a profile has set."""
    settings = {name for name in os.environ if name.startswith(PREFIX)} - OF_OTHER_COMMANDS
    kept = {name: value for name, value in os.environ.items() if name not in settings}
    path = os.pathsep.join(filter(None, [str(tree), kept.get("PYTHONPATH")]))
    return kept | {"PYTHONPATH": path, f"{PREFIX}PROFILE": "false"}
