"""Before a load: which service it is, what the answers must be, who takes part."""

import json

import pytest

from benchmarks.clips import CLIPS
from benchmarks.users.host import KEY_VARIABLE, Host
from benchmarks.users.slo import CLASSIFY, DEBUG, STREAM
from benchmarks.users.stage import Stage
from benchmarks.users.truth import CLOSE, settled, truth_for
from contract.bundle import INT8_GRAPH, find_bundle, open_bundle
from contract.errors import EarshotError
from tests.benchmarks.stub import FACTS, named, problem, stub

OFF = problem(404, "not_found")


@pytest.mark.parametrize("url", [None, "", "127.0.0.1:8000", "ftp://127.0.0.1", "http://"])
def test_a_service_must_be_named(url: str | None) -> None:
    with pytest.raises(EarshotError, match="--host http://"):
        Host.named(url)


def test_a_host_is_where_its_streams_are() -> None:
    assert Host.named("https://sounds.example/").stream_url == "wss://sounds.example/v1/stream"


def test_nobody_and_somebody_else_are_told_from_a_service() -> None:
    with pytest.raises(EarshotError, match="`earshot serve` starts one"):
        Host("http://127.0.0.1:1").facts()
    with (
        stub(lambda _: named("dog"), OFF, model={"detail": "It wants a key."}) as url,
        pytest.raises(EarshotError, match="It wants a key"),
    ):
        Host(url).facts()


def test_a_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Host("http://127.0.0.1:1").headers == {}
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    assert Host("http://127.0.0.1:1").headers == {"Authorization": "Bearer secret"}


def test_a_close_call_is_no_truth() -> None:
    assert settled(("dog", 0.5), ("cat", 0.5 - CLOSE / 2)) is None
    assert settled(("dog", 0.6), ("cat", 0.3)) == "dog"
    assert settled(("dog", 0.6), None) == "dog"


def test_the_graph_that_is_served_knows_what_clips_are_called() -> None:
    manifest = open_bundle(find_bundle("esc10-resnet")).manifest
    facts = {"name": "esc10-resnet", "engine": {"sha256": manifest.files[INT8_GRAPH].sha256}}
    truth = truth_for(Host("http://127.0.0.1:1"), facts)
    assert truth.source == f"esc10-resnet/{INT8_GRAPH}"
    found = [truth.oracle(path.read_bytes()) for path in sorted(CLIPS.glob("*-A-0.ogg"))]
    assert len(found) > 5
    assert set(found) <= {"dog", None}
    assert found.count("dog") >= len(found) - 1


def test_a_service_whose_graph_is_not_here_is_asked_itself() -> None:
    with stub(lambda _: named("cat"), OFF) as url:
        host = Host(url)
        facts = host.facts() | {"name": "esc10-resnet"}
        truth = truth_for(host, facts)
        assert truth.source == f"{url}, asked before the load"
        assert truth.oracle(b"sound") == "dog"


def test_a_service_that_names_nothing_cannot_be_loaded() -> None:
    with stub(lambda _: OFF, OFF) as url:
        broken = Host(f"{url}/v1/debug?")  # every path below it is the one that is off
        with pytest.raises(EarshotError, match="does not name a sound: It is not_found"):
            truth_for(broken, json.loads(json.dumps(FACTS))).oracle(b"sound")


def test_who_takes_part() -> None:
    weights = {CLASSIFY: 2, STREAM: 0, DEBUG: 1}
    stage = Stage(Host("http://127.0.0.1:1"), [], [], has_debug_path=True)
    assert stage.cast(weights) == {CLASSIFY: 2, DEBUG: 1}
    without = Stage(stage.host, [], [], has_debug_path=False)
    assert without.cast(weights) == {CLASSIFY: 2}
    with pytest.raises(EarshotError, match="no kind of user takes part"):
        without.cast({DEBUG: 1})
