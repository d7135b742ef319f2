"""Timings make the next build of native TensorRT faster: a convenience, which must never cost an engine."""

import os
import stat
import warnings
from errno import ENOSPC
from pathlib import Path
from types import ModuleType

import pytest

from contract.engine_file import Profile
from contract.tensorrt import build_engine
from export.graph import half_graph
from tests.training.conftest import TINY
from training.checkpoint import build_classifier

trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed: pip install -e '.[dev]'")
PROFILES = (Profile(1, 1, 1),)
A10G = (8, 6)


@pytest.fixture(scope="module")
def tiny() -> bytes:
    graph = half_graph(build_classifier(TINY, classes=4).eval(), TINY.audio.window_samples)
    return bytes(graph.SerializeToString())


def native() -> ModuleType:
    """TensorRT for RTX in the clothes of native TensorRT, which does not import without a GPU."""
    module = ModuleType("tensorrt")
    module.__dict__.update({name: value for name, value in vars(trt).items() if name != "__name__"})
    return module


def build_natively(graph: bytes, timings: Path) -> list[str]:
    """Build an engine with these timings; the result is what was noted."""
    notes: list[str] = []
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # they do nothing in this library
        assert build_engine(
            native(), graph, PROFILES, compute_capability=A10G, timing_cache=timings, note=notes.append
        )
    return notes


@pytest.mark.parametrize("before", [None, b"", b"damaged"])
def test_timings_are_kept_for_the_next_build(tiny: bytes, tmp_path: Path, before: bytes | None) -> None:
    file = tmp_path / "timings" / "sm86.cache"
    if before is not None:
        file.parent.mkdir()
        file.write_bytes(before)
    assert build_natively(tiny, file) == []
    assert file.stat().st_size > len(before or b"")
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_the_folder_that_is_made_for_timings_is_fit_for_engines(tiny: bytes, tmp_path: Path) -> None:
    file = tmp_path / "engines" / "sm86.timings"
    before = os.umask(0o022)
    try:
        build_natively(tiny, file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_timings_that_cannot_be_read_cost_no_engine(tiny: bytes, tmp_path: Path) -> None:
    file = tmp_path / "timings"
    file.mkdir()  # where a file should be
    unread, unkept = build_natively(tiny, file)
    assert str(file) in unread
    assert "cannot be read (Is a directory)" in unread
    assert "cannot be kept" in unkept


def test_a_full_disk_costs_no_engine(tiny: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", fail)
    (unkept,) = build_natively(tiny, tmp_path / "timings")
    assert "cannot be kept (No space left on device)" in unkept
    assert list(tmp_path.iterdir()) == []


def test_tensorrt_for_rtx_has_no_timings(tiny: bytes, tmp_path: Path) -> None:
    build_engine(trt, tiny, PROFILES, compute_capability=A10G, timing_cache=tmp_path / "timings")
    assert list(tmp_path.iterdir()) == []
