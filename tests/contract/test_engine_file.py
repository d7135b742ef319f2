"""A kept engine is loaded if it is whole and fits, and is built anew otherwise."""

import json
import multiprocessing
import os
import stat
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.engine_file import (
    EngineFileError,
    EngineKey,
    Profile,
    ReadyEngine,
    engine_folder,
    engine_for,
    load_plan,
    read_plan,
    save_plan,
)
from contract.errors import EarshotError

PLAN = bytes(range(256)) * 3
KEY = EngineKey(
    library="tensorrt",
    library_version="11.4.0",
    architecture="sm86",
    gpu="NVIDIA A10G ½é",  # what JSON may spell in two ways
    model_sha256="ab" * 32,
    profiles=(Profile(1, 1, 1), Profile(2, 8, 32)),
    settings=1,
)
OTHERS: list[dict[str, object]] = [
    {"library": "tensorrt_rtx"},
    {"library_version": "11.4.1"},
    {"architecture": "sm89"},
    {"gpu": "NVIDIA L4"},
    {"model_sha256": "ac" * 32},
    {"profiles": (Profile(1, 8, 32),)},
    {"settings": 2},
]


def never() -> bytes:
    pytest.fail("built although an engine was kept")


def other(change: dict[str, object]) -> EngineKey:
    return KEY.model_copy(update=change)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / KEY.file_name
    save_plan(path, KEY, PLAN)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("whole") / "whole.engine"
    save_plan(path, KEY, PLAN)
    return path.with_name("broken.engine"), path.read_bytes()


def test_a_kept_engine_comes_back(kept: Path) -> None:
    assert read_plan(kept, KEY) == PLAN
    assert load_plan(kept, KEY) == PLAN
    assert engine_for(KEY, kept.parent, never) == ReadyEngine(PLAN, kept, kept=True)


def test_the_header_can_be_read_by_hand(kept: Path) -> None:
    content = kept.read_bytes()
    (length,) = struct.unpack("<I", content[8:12])
    header = json.loads(content[12 : 12 + length])
    assert header["key"]["architecture"] == "sm86"
    assert header["key"]["profiles"][1] == {"smallest": 2, "best": 8, "largest": 32}
    assert content.endswith(PLAN)


def test_the_first_engine_is_built_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "engines"
    ready = ReadyEngine(PLAN, folder / KEY.file_name, kept=True)
    assert engine_for(KEY, folder, lambda: PLAN, pytest.fail) == ready
    assert engine_for(KEY, folder, never) == ready


def test_engines_are_open_to_their_owner_only(tmp_path: Path) -> None:
    """A plan is machine code: nobody else may put one there."""
    folder = tmp_path / "engines"
    before = os.umask(0o022)
    try:
        save_plan(folder / KEY.file_name, KEY, PLAN)
        save_plan(folder / KEY.file_name, KEY, PLAN)  # over the one that is there
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / KEY.file_name).stat().st_mode) == 0o600


@given(data=st.data())
def test_any_changed_byte_is_refused(whole: tuple[Path, bytes], data: st.DataObject) -> None:
    path, content = whole
    place = data.draw(st.integers(0, len(content) - 1))
    change = data.draw(st.integers(1, 255))
    broken = bytearray(content)
    broken[place] ^= change
    path.write_bytes(broken)
    with pytest.raises(EngineFileError):
        read_plan(path, KEY)


@given(data=st.data())
def test_any_other_length_is_refused(whole: tuple[Path, bytes], data: st.DataObject) -> None:
    path, content = whole
    shorter = st.integers(0, len(content) - 1).map(lambda length: content[:length])
    longer = st.binary(min_size=1, max_size=20).map(lambda tail: content + tail)
    path.write_bytes(data.draw(shorter | longer))
    with pytest.raises(EngineFileError):
        read_plan(path, KEY)


@given(content=st.binary(max_size=300))
def test_any_foreign_content_is_refused(whole: tuple[Path, bytes], content: bytes) -> None:
    path, _ = whole
    for foreign in (content, b"EARSHOT\x1a" + content):
        path.write_bytes(foreign)
        assert load_plan(path, KEY) is None


@pytest.mark.parametrize("change", OTHERS, ids=lambda change: str(*change))
def test_an_engine_for_something_else_is_refused(kept: Path, change: dict[str, object]) -> None:
    asked = other(change)
    assert asked.file_name != KEY.file_name
    with pytest.raises(EngineFileError, match=next(iter(change))):
        read_plan(kept, asked)


def test_every_field_of_the_key_is_tested_above() -> None:
    assert {name for change in OTHERS for name in change} == set(EngineKey.model_fields)


def test_a_damaged_engine_is_named_built_again_and_mended(kept: Path) -> None:
    kept.write_bytes(kept.read_bytes()[:-1])
    notes: list[str] = []
    ready = ReadyEngine(PLAN, kept, kept=True)
    assert engine_for(KEY, kept.parent, lambda: PLAN, notes.append) == ready
    assert len(notes) == 1
    assert str(kept) in notes[0]
    assert engine_for(KEY, kept.parent, never) == ready


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> bytes:
        raise EarshotError("no GPU")

    with pytest.raises(EarshotError, match="no GPU"):
        engine_for(KEY, tmp_path, fail)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    in_the_way = tmp_path / "engines"
    in_the_way.write_text("a file, no folder")
    notes: list[str] = []
    ready = engine_for(KEY, in_the_way, lambda: PLAN, notes.append)
    assert ready == ReadyEngine(PLAN, in_the_way / KEY.file_name, kept=False)
    assert "will be built again" in notes[-1]


def _slowly() -> bytes:
    time.sleep(0.3)
    return PLAN


def _ask(folder: Path) -> bytes:
    return engine_for(KEY, folder, _slowly, pytest.fail).plan


def test_processes_that_build_at_once_do_no_harm(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        answers = pool.map(_ask, [tmp_path] * 6, chunksize=1)
    assert answers == [PLAN] * 6
    assert [path.name for path in tmp_path.iterdir()] == [KEY.file_name]
    assert read_plan(tmp_path / KEY.file_name, KEY) == PLAN


@pytest.mark.parametrize("sizes", [(0, 1, 1), (2, 1, 4), (1, 8, 4), (-1, -1, -1)])
def test_batch_sizes_must_rise_from_one(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(EarshotError, match="must rise"):
        Profile(*sizes)


@pytest.mark.parametrize(
    "change", [{"model_sha256": "AB" * 32}, {"architecture": "../etc"}, {"library": "other"}, {"profiles": ()}]
)
def test_a_key_is_checked(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EngineKey.model_validate(KEY.model_dump() | change)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"EARSHOT_CACHE": "/kept"}, Path("/kept/engines")),
        ({"XDG_CACHE_HOME": "/xdg"}, Path("/xdg/earshot/engines")),
        ({"HOME": "/home/somebody"}, Path("/home/somebody/.cache/earshot/engines")),
    ],
)
def test_where_engines_are_kept(environment: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EARSHOT_CACHE", "XDG_CACHE_HOME", *environment):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setitem(os.environ, name, value)
    assert engine_folder() == folder
