"""A process that is asked in lines answers in lines, and its end is noticed."""

import os
from pathlib import Path

import pytest

from benchmarks.child import Child, ChildError

ECHO = "tests.benchmarks.echo"


def test_it_is_told_once_and_asked_often() -> None:
    core = min(os.sched_getaffinity(0))
    with Child("the echo", ECHO, {"says": "ready"}, frozenset({core}), {"EARSHOT_ECHO": "yes"}) as child:
        assert child.next_line() == {"says": "ready", "cores": [core], "environment": "yes"}
        assert child.ask([1, {"two": None}]) == [1, {"two": None}]
        assert child.ask("again") == "again"


def test_its_end_is_an_error_that_names_it(tmp_path: Path) -> None:
    with (tmp_path / "complaints").open("w+", encoding="utf-8") as complaints:
        with Child("the echo", ECHO, {}, complaints=complaints) as child:
            child.next_line()
            with pytest.raises(ChildError, match="the echo could not be measured: its process ended"):
                child.ask("die")
            with pytest.raises(ChildError):
                child.ask("are you there?")
        complaints.seek(0)
        assert complaints.read() == "as you wish\n"
