"""Environments of peers: made once, made anew when something changed, and one line where that fails."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import catalogue
from benchmarks.peers.catalogue import PEERS, SERVERS, Peer
from benchmarks.peers.contestants import OURS, asked_for, gathered, theirs
from benchmarks.peers.environments import environment_of
from contract.errors import EarshotError

PEER = Peer("nobody", "is not there", "-m nobody {port}")


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of requirements without any."""
    monkeypatch.setattr(catalogue, "SERVERS", tmp_path)
    monkeypatch.setattr(catalogue, "ENGINE", tmp_path / "engine.txt")
    (tmp_path / "engine.txt").write_text("# nothing\n", encoding="utf-8")
    (tmp_path / "nobody.txt").write_text("# nothing either\n", encoding="utf-8")
    return tmp_path


def test_an_environment_is_made_once_and_again_when_its_requirements_change(servers: Path, tmp_path: Path) -> None:
    said: list[str] = []
    python = environment_of(PEER, said.append, tmp_path / "peers")
    where = subprocess.check_output([python, "-c", "import sys; print(sys.prefix)"], text=True)
    assert Path(where.strip()) == tmp_path / "peers" / "nobody"
    assert environment_of(PEER, said.append, tmp_path / "peers") == python
    assert len(said) == 1
    (servers / "nobody.txt").write_text("no-such-package @ file:///no/such/place\n", encoding="utf-8")
    with pytest.raises(EarshotError, match=r"^nobody: its environment could not be made: .*no/such/place"):
        environment_of(PEER, said.append, tmp_path / "peers")


def test_an_environment_whose_python_is_gone_is_made_anew(servers: Path, tmp_path: Path) -> None:
    said: list[str] = []
    python = environment_of(PEER, said.append, servers / "peers")
    python.unlink()
    python.symlink_to(tmp_path / "no-such-python")
    assert environment_of(PEER, said.append, servers / "peers") == python
    assert subprocess.check_output([python, "-c", "print('back')"], text=True) == "back\n"
    assert said[1] == "nobody: the Python of its environment is gone"


def test_a_peer_that_cannot_be_had_is_named_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    said: list[str] = []
    found, absent = gathered([OURS, "mosec"], said.append, tmp_path)
    assert [one.name for one in found] == [OURS]
    assert absent == {"mosec": "mosec: its environment could not be made: it said nothing"}
    assert said[-1] == absent["mosec"]


def test_names_are_those_of_the_catalogue() -> None:
    assert asked_for(None) == [OURS, *(peer.name for peer in PEERS)]
    assert asked_for("mosec, earshot") == ["mosec", "earshot"]
    with pytest.raises(EarshotError, match=r"no server 'triton' here, only earshot, litserve, "):
        asked_for("mosec,triton")


def test_versions_are_those_that_are_installed() -> None:
    naive = next(peer for peer in PEERS if peer.name == "naive")
    versions = theirs(naive, Path(sys.executable)).versions
    assert list(versions) == ["numpy", "onnxruntime", "soundfile", "fastapi", "uvicorn"]
    assert versions["numpy"] == np.__version__


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_requirement_of_a_peer_is_pinned(peer: Peer) -> None:
    lines = [line for file in peer.requirements for line in file.read_text(encoding="utf-8").splitlines()]
    assert all("==" in line for line in lines if not line.startswith("#"))
    assert any(line.startswith(peer.main_package) for line in lines)


def test_no_program_lies_there_that_nobody_runs() -> None:
    words = " ".join(peer.words for peer in PEERS)
    assert all(path.stem in words for path in SERVERS.glob("*.py") if path.stem != "engine")
