"""A process of our own that is asked in lines of JSON, and waits while others are measured.

It has its cores, its memory and its libraries to itself.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any, Self

from benchmarks.processes import Cpus, on_cpus
from contract.errors import EarshotError

ROOT = Path(__file__).parents[1]
_STOP_S = 10.0


class ChildError(EarshotError):
    """The process has ended before it was asked to."""


class Child:
    """The process, from its start to its end."""

    def __init__(
        self,
        what: str,
        module: str,
        order: Any,  # noqa: ANN401  (whatever JSON can say)
        cpus: Cpus | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
        complaints: IO[str] | None = None,
    ) -> None:
        """Run `python -m module ORDER` on these cores.

        `what` it is in the words of an error; `complaints`: the file that its standard error goes to, else ours.
        """
        self._what = what
        words = [sys.executable, "-m", module, json.dumps(order)]
        with on_cpus(cpus):
            self._process = subprocess.Popen(  # noqa: S603  (our own program)
                words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True,
                env=os.environ | dict(environment), process_group=0,  # Ctrl-C is the parent's to see to
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.close()

    def ask(self, question: Any) -> Any:  # noqa: ANN401
        """One line there, one line back."""
        assert self._process.stdin is not None  # noqa: S101  (it was asked for)
        try:
            self._process.stdin.write(f"{json.dumps(question)}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: the next line says so
        return self.next_line()

    def next_line(self) -> Any:  # noqa: ANN401
        """What it says next."""
        assert self._process.stdout is not None  # noqa: S101  (it was asked for)
        line = self._process.stdout.readline()
        if not line:
            raise ChildError(f"{self._what} could not be measured: its process ended with the error above")
        return json.loads(line)

    def close(self) -> None:
        """The end of its input is its end; one that does not heed it is killed."""
        try:
            self._process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


@contextmanager
def closed_if_it_fails(child: Child) -> Iterator[None]:
    """Nobody ends one that never was."""
    try:
        yield
    except BaseException:
        child.close()
        raise
