"""The engine of a bundle: for a GPU that is here or named, kept under what it was built for."""

import re
import warnings
from pathlib import Path
from types import ModuleType
from typing import cast

import onnx
import pytest
import tensorrt_rtx

from contract.bundle import HALF_GRAPH, Bundle
from contract.engine_file import Profile, engine_folder
from contract.errors import EarshotError, UnavailableError
from contract.tensorrt_kept import PROFILES
from export import engines
from export.commands import engine
from export.engines import by_tenths, make_engine, profiles_of
from export.graph import half_graph
from tests.training.conftest import TINY
from training.checkpoint import build_classifier


class OneGraph:
    """As much of a bundle as is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle")
    onnx.save_model(half_graph(build_classifier(TINY, 4).eval(), TINY.audio.window_samples), folder / HALF_GRAPH)
    return cast("Bundle", OneGraph(folder))


@pytest.fixture(autouse=True)
def rtx_and_a_cache_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    monkeypatch.setattr(engines, "find_library", lambda: tensorrt_rtx)


def test_an_engine_is_built_once_and_again_only_if_it_is_stale(bundle: Bundle) -> None:
    notes: list[str] = []
    phases: list[str] = []

    def make(profiles: tuple[Profile, ...]) -> Path:
        made = make_engine(bundle, profiles, "8.6", notes.append, lambda phase, *_: phases.append(phase))
        assert made.kept
        assert made.path.is_file()
        return made.path

    path = make(PROFILES)
    assert path.parent == engine_folder()
    assert "sm86" in path.name
    assert len(notes) == 1
    assert phases
    assert make(PROFILES) == path
    assert len(notes) == 1
    other = make(profiles_of(["1:4:16"]))
    assert other != path
    assert len(notes) == 2
    path.write_bytes(path.read_bytes()[:-1])
    assert make(PROFILES) == path
    assert len(notes) > 2


@pytest.mark.parametrize("library", ["tensorrt_rtx", "tensorrt"])
def test_without_a_place_to_keep_it_an_engine_is_still_made(
    bundle: Bundle, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor are the timings of native TensorRT worth an engine."""
    module = ModuleType(library)
    module.__dict__.update(vars(tensorrt_rtx) | {"__name__": library})
    monkeypatch.setattr(engines, "find_library", lambda: module)
    (tmp_path / "engines").write_text("a file, no folder")
    notes: list[str] = []
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # timings do nothing in this library
        made = make_engine(bundle, PROFILES, "8.6", notes.append, lambda *_: None)
    assert made.plan
    assert not made.kept
    assert made.path.parent == tmp_path / "engines"
    assert "the engine cannot be kept" in notes[-1]
    assert any("timings" in note for note in notes) == (library == "tensorrt")


@pytest.mark.parametrize("kept", [True, False])
def test_the_command_says_where_the_engine_lies(
    bundle: Bundle, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("contract.bundle.find_bundle", Path)
    monkeypatch.setattr("contract.bundle.open_bundle", lambda _: bundle)
    if not kept:
        (tmp_path / "engines").write_text("a file, no folder")
    engine("a bundle", None, "8.6")
    said = capsys.readouterr().out.splitlines()
    folder = tmp_path / "engines"
    where = f"kept as {folder}/tensorrt_rtx-sm86-" if kept else f"but it could not be kept in {folder}"
    assert re.match(rf"\d+\.\d MB, {re.escape(where)}", said[-1])
    assert "Building engine: 0 %" in said
    assert len(said) < 120  # not one for each of some 250 steps


def test_progress_is_said_by_phases_and_tenths() -> None:
    said: list[str] = []
    progress = by_tenths(said.append)
    steps = [("outer", 0, 2), *(("inner", step, 150) for step in range(151)), ("outer", 1, 2), ("empty", 0, 0)]
    for step in [*steps, ("inner", 0, 150), ("outer", 2, 2), ("outer", 2, 2)]:
        progress(*step)
    inner = [f"inner: {tenth}0 %" for tenth in range(1, 11)]
    assert said == ["outer: 0 %", "inner: 0 %", *inner, "outer: 50 %", "empty: 100 %", "inner: 0 %", "outer: 100 %"]


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("A10G", "expected a compute capability"),
        ("8.", "expected a compute capability"),
        ("1.0", "builds for no GPU"),
    ],
)
def test_a_gpu_that_nothing_can_be_built_for(bundle: Bundle, named: str, sentence: str) -> None:
    with pytest.raises(EarshotError, match=sentence):
        make_engine(bundle, PROFILES, named, lambda _: None, lambda *_: None)


def test_without_a_gpu_or_without_tensorrt_it_is_said(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(EarshotError, match="no GPU is seen here"):
        make_engine(bundle, PROFILES, None, lambda _: None, lambda *_: None)
    monkeypatch.setattr(engines, "find_library", lambda: None)
    monkeypatch.setattr("contract.tensorrt_kept.find_spec", lambda _: None)
    with pytest.raises(UnavailableError, match="no TensorRT is installed here"):
        make_engine(bundle, PROFILES, "8.6", lambda _: None, lambda *_: None)


def test_sizes_of_batches() -> None:
    assert profiles_of(None) == PROFILES
    assert profiles_of(["1:1:1", "2:16:64"]) == (Profile(1, 1, 1), Profile(2, 16, 64))
    for wrong in ("8", "1:2", "a:b:c", "4:2:1", "0:1:2"):
        with pytest.raises(EarshotError, match=r"batch"):
            profiles_of([wrong])
