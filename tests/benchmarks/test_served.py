"""The service as a process: ready, charged, ended."""

import pytest

from benchmarks.processes import processes_of
from benchmarks.served import Served
from benchmarks.server import last_words
from benchmarks.subject import Subject
from contract.errors import EarshotError


def test_a_service_is_timed_weighed_and_ended(subject: Subject) -> None:
    with Served(subject.serve_flags) as served:
        assert 0.1 < served.wait_until_ready() < 60
        assert served.model_facts()["name"] == "esc10-resnet"
        assert served.cpu_seconds() > 0.1
        assert served.memory().rss_bytes > 50e6
        assert served.has_loaded("onnxruntime")
        assert not served.has_loaded("/torch/")
        served.wait_until_calm()
        served.terminate()
        assert served.wait() == 0
    assert processes_of(served.session) == []


def test_a_service_that_does_not_start_says_why() -> None:
    with Served(["--bundle", "no-such-bundle"]) as served, pytest.raises(EarshotError, match="no-such-bundle"):
        served.wait_until_ready()


def test_a_service_does_not_outlive_the_measurement(subject: Subject) -> None:
    with Served(subject.serve_flags) as served:
        pass
    assert processes_of(served.session) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Traceback …\nImportError: no module\n", "ImportError: no module"),
        ("error: no such bundle\n\n", "no such bundle"),
        ("╭─ Error ──╮\n│ No such option: --bogus │\n╰──────────╯\n", "No such option: --bogus"),
        ("\n", "it said nothing"),
    ],
)
def test_last_words_are_those_that_say_something(text: str, words: str) -> None:
    assert last_words(text) == words
