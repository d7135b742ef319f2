"""A contest for real, with servers that run in this environment and a graph of a few nodes."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from benchmarks import server
from benchmarks.bench import Gauge, requests_for
from benchmarks.clips import COUNT, RATE
from benchmarks.peers import contest, manners
from benchmarks.peers.catalogue import PEERS, Peer
from benchmarks.peers.command import Match, run_peers
from benchmarks.peers.contest import FULL, LONE, Plan, _level
from benchmarks.peers.contestants import Contestant, ours, theirs
from benchmarks.peers.manners import COMPANIES, GOOD, Tempo, bad_request, manners_of
from benchmarks.peers.shared import SharedModel, shared_model
from benchmarks.series import series_in
from benchmarks.subject import Subject
from contract.errors import EarshotError
from tests.benchmarks.peers.made_up import level
from tests.service.graphs import save_graph

TEMPO = Tempo(watch_s=0.1, hang_up_s=0.05, crowd_s=0.4, signal_s=0.02)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers are believed to be idle sooner, and crowds are small."""
    monkeypatch.setattr(server, "CALM_S", 0.1)
    monkeypatch.setattr(manners, "CROWD", 24)
    monkeypatch.setattr(manners, "LEAVING", 8)


@pytest.fixture
def model(tmp_path: Path) -> SharedModel:
    """On all cores: a test must not wait for one that is busy."""
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    graph = save_graph(tmp_path / "mean.onnx", samples=5 * RATE)
    return SharedModel("mean", Subject(model=graph, sample_rate=RATE, server_cpus=cores, client_cpus=cores))


def peer(name: str) -> Peer:
    return next(peer for peer in PEERS if peer.name == name)


def here(one: Peer) -> Contestant:
    return theirs(one, Path(sys.executable))


BROKEN = here(replace(peer("naive"), name="broken", words="-m no_such_module"))


def test_a_contest_is_held_shown_and_kept(
    model: SharedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contest, "CONNECTIONS", (LONE, FULL))
    match = Match([BROKEN, here(peer("batcher"))], [model], Plan(0.2, 1, TEMPO), {"mosec": "not here"})
    run_peers(match, tmp_path, strict=True)
    shown = capsys.readouterr().out
    assert "mean/broken is out: " in shown
    assert "mean/batcher, round 1: manners: " in shown
    content = json.loads((tmp_path / "peers.json").read_text(encoding="utf-8"))
    details, series = content["details"], series_in(content)
    for connections in (LONE, FULL):
        assert series[f"mean/batcher/{connections} connections/errors"].rounds == (0,)
        assert series[f"mean/batcher/{connections} connections/throughput"].median > 0
    assert "No module named no_such_module" in details["failed"]["mean/broken"]
    assert details["versions"]["batcher"].keys() >= {"fastapi", "onnxruntime"}
    company = details["bouts"][0]["manners"]["company"]
    assert company["bad"] == {"status 500": COMPANIES}
    assert company["good"] == COMPANIES * GOOD == sum(company["codes"].values())
    page = (tmp_path / "peers.md").read_text(encoding="utf-8")
    assert "`mosec`: not here" in page
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert pictures == ["peers-cpu.png", "peers-lone.png", "peers-throughput.png"]
    assert all(f"]({picture})" in page for picture in pictures)


@pytest.mark.parametrize(
    ("drifts", "kept"), [((0.05, 0.0), 0.05), ((0.3, 0.02), 0.02), ((0.3, 0.4), 0.3), ((0.4, 0.3), 0.3)]
)
def test_a_load_is_tried_again_where_the_bare_engine_was_in_unrest(drifts: tuple[float, ...], kept: float) -> None:
    levels = iter([replace(level(FULL, 50.0, 600.0), raw_drift=drift) for drift in drifts])
    gauge = create_autospec(Gauge, instance=True)
    gauge.closed.side_effect = lambda *_: next(levels)
    assert _level(gauge, FULL, 1.0, lambda _: None).raw_drift == kept


def test_manners_of_earshot_are_good(model: SharedModel) -> None:
    with ours().start(model) as running:
        running.wait_until_ready()
        requests = [replace(request, label=None) for request in requests_for(model.subject.bodies, [""] * COUNT)]
        found = manners_of(running, requests, bad_request(requests[0]), model.subject.client, TEMPO)
    assert (found.company.harmed, found.company.bad) == (0, {"undecodable_audio": COMPANIES})
    assert found.departed.next_ms > 0
    assert found.crowd.failed == 0
    assert (found.end.status, found.end.listens) == (0, False)


def test_a_contest_without_anybody_says_so(model: SharedModel) -> None:
    with pytest.raises(EarshotError, match="none of the servers could be measured"):
        run_peers(Match([BROKEN], [model], Plan(0.2, 1, None), {}), None, strict=False)


def test_a_peer_leaves_nothing_behind(model: SharedModel) -> None:
    with here(peer("naive")).start(model) as running:
        assert 0 < running.wait_until_ready() < 60
        (folder,) = {Path(f"/proc/{pid}/cwd").resolve() for pid in running.processes()}
        assert folder.is_dir()
    assert running.processes() == []
    assert not folder.exists()


def test_a_bundle_is_served_with_clips_at_its_own_rate() -> None:
    model = shared_model("esc50-resnet", "0", "0")
    assert (model.graph.precision, model.subject.clip_rate) == ("int8", model.served.sample_rate)
    assert len(model.subject.bodies[0]) == 44 + 2 * 5 * model.served.sample_rate


def test_a_model_that_nobody_has_is_named_with_those_that_are_there() -> None:
    with pytest.raises(EarshotError, match=r"'huge' is none of small, tiny, and there is no bundle huge: .*esc50"):
        shared_model("huge", "0", "0")
