"""A contest for real, with servers that run in this environment and a graph of a few nodes."""

import json
import signal
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Self
from unittest.mock import create_autospec

import pytest

from benchmarks import server
from benchmarks.bench import Gauge, requests_for
from benchmarks.clips import COUNT, RATE
from benchmarks.peers import contest, manners
from benchmarks.peers.catalogue import PEERS, Peer
from benchmarks.peers.command import PERCENTILES, Match, run_peers
from benchmarks.peers.contest import FULL, LONE, Bout, Plan, _level, hold
from benchmarks.peers.contestants import Contestant, ours, theirs
from benchmarks.peers.manners import COMPANIES, GOOD, IN_FLIGHT, End, Manners, Tempo, bad_request, manners_of
from benchmarks.peers.shared import MAX_BATCH, SharedModel, shared_model
from benchmarks.processes import Cpus, all_cpus
from benchmarks.raw import RawFigures, RawOrder
from benchmarks.series import series_in
from benchmarks.subject import Subject
from benchmarks.wire import CLASSIFY
from contract.errors import EarshotError
from tests.benchmarks.peers.made_up import RAW, level
from tests.service.graphs import save_graph

TEMPO = Tempo(watch_s=0.3, hang_up_s=0.1, crowd_s=1.0, signal_s=0.1)
CROWD, LEAVING = 80, 32


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers are believed to be idle sooner, and crowds are small."""
    monkeypatch.setattr(server, "CALM_S", 0.1)
    monkeypatch.setattr(manners, "CROWD", CROWD)
    monkeypatch.setattr(manners, "LEAVING", LEAVING)


@pytest.fixture
def model(tmp_path: Path) -> SharedModel:
    """On all cores: a test must not wait for one that is busy."""
    cores = all_cpus()
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
    assert "## At a glance" in page
    assert "Manners are tried with the slowest model" in page
    assert "No server puts more than 8 clips into a batch" in page
    assert f"{PERCENTILES}\n\n| server | connections" in page
    assert "## Targets" not in page  # nothing is promised of peers
    assert "targets missed" not in shown
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


def manners_on(one: Contestant, model: SharedModel) -> Manners:
    with one.start(model) as running:
        running.wait_until_ready()
        requests = [replace(request, label=None) for request in requests_for(model.subject.bodies, [""] * COUNT)]
        return manners_of(running, requests, bad_request(requests[0]), model.subject.client, TEMPO)


@pytest.fixture
def slow_model() -> SharedModel:
    """With a line that a small crowd fills."""
    cores = all_cpus()
    model = shared_model("small", cores, cores)
    return replace(model, subject=replace(model.subject, flags=f"{model.subject.flags} --max-queue {LEAVING}"))


def test_manners_of_earshot_are_good(slow_model: SharedModel) -> None:
    found = manners_on(ours(), slow_model)
    assert (found.company.harmed, found.company.bad) == (0, {"undecodable_audio": COMPANIES})
    assert found.departed.is_telling
    assert found.departed.clips < found.departed.left / 2
    assert found.departed.next_ms > 0
    assert found.crowd.refused > 0
    assert list(found.crowd.codes) == ["ok", "overloaded"]
    assert found.crowd.failed == 0
    assert found.crowd.refused_p99_ms < found.crowd.served_p50_ms
    assert found.end == End(IN_FLIGHT, {"ok": IN_FLIGHT}, 0, found.end.ended_s, listens=False)


def test_bad_manners_are_seen(model: SharedModel) -> None:
    words = f"{Path(__file__).with_name('rude.py')} {{port}}"
    found = manners_on(here(replace(peer("naive"), name="rude", words=words, path=CLASSIFY)), model)
    assert found.company.harmed > COMPANIES
    assert found.company.codes["status 500"] == found.company.harmed
    assert found.departed.is_telling
    assert found.departed.clips > 0.7 * found.departed.left
    assert found.departed.next_ms > 0.7 * found.departed.left * found.departed.each_ms
    assert list(found.crowd.codes) == ["ok"]
    assert found.crowd.refused == 0
    assert found.crowd.served_p50_ms > CROWD / 4 * found.departed.each_ms
    assert (found.end.status, found.end.codes["lost"]) == (-signal.SIGTERM, IN_FLIGHT - found.end.answered)


class Paced(SharedModel):
    """Without a graph: it is as slow as its name says."""

    @property
    def order(self) -> RawOrder:
        return RawOrder({}, self.name, MAX_BATCH, 1, None, RATE)


FAST, SLOW = (Paced(name, Subject(server_cpus=all_cpus())) for name in ("fast", "slow"))


class StillEngine:
    """It stands for the bare engine of such a model."""

    def __init__(self, order: RawOrder, _: Cpus) -> None:
        self.engine_ms = {"fast": 1.0, "slow": 10.0}[order.precision]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def measure(self, _: float) -> RawFigures:
        return replace(RAW, engine_ms=self.engine_ms)


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bool]]:
    """Of a contest of two models without any load: the model, the server, and whether its manners are tried."""
    found: list[tuple[str, str, bool]] = []

    def bout(one: Contestant, model: SharedModel, _: object, plan: Plan, __: object) -> Bout:
        found.append((model.name, one.name, plan.tempo is not None))
        return Bout(model.name, one.name, 1.0, 100.0, (), None)

    monkeypatch.setattr(contest, "_bout", bout)
    monkeypatch.setattr(contest, "RawEngine", StillEngine)
    return found


def test_nobody_follows_the_same_server_in_every_round(turns: list[tuple[str, str, bool]]) -> None:
    names = ["a", "b", "c", "d"]
    hold([replace(BROKEN, name=name) for name in names], [SLOW], Plan(1.0, 3, None), lambda _: None)
    order = [server for _, server, _ in turns]
    rounds = [order[start : start + 4] for start in (0, 4, 8)]
    assert rounds[0] == names
    assert all(sorted(one) == names for one in rounds)
    assert len({one[0] for one in rounds}) == len(rounds)
    for name in names:
        assert len({before for before, after in pairwise(order) if after == name}) > 1


def test_manners_are_tried_with_the_slowest_model(turns: list[tuple[str, str, bool]]) -> None:
    hold([BROKEN], [FAST, SLOW], Plan(1.0, 1), lambda _: None)
    assert turns == [("fast", "broken", False), ("slow", "broken", True)]


def test_everybody_has_the_same_batch_limit() -> None:
    model = shared_model("tiny", all_cpus(), all_cpus())
    with ours().start(model) as running:
        running.wait_until_ready()
        assert json.loads(running.get("/v1/model")[1])["engine"]["max_batch"] == MAX_BATCH
    assert model.environment["PEER_MAX_BATCH"] == str(MAX_BATCH)
    assert model.order.max_batch == MAX_BATCH


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
