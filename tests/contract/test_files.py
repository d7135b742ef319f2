"""Files and folders appear whole or not at all, and nothing is left beside them."""

from pathlib import Path

import pytest

from contract.files import cache_folder, replacing, replacing_folder


class PowerCut(Exception):  # noqa: N818  (it is no error of the program)
    """What happens halfway."""


def cut_short(file: Path) -> None:
    file.write_text("ne")
    raise PowerCut


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def folder_with(place: Path, **files: str) -> Path:
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name).write_text(content)
    return place


def test_a_file_appears_with_the_folders_above_it(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "below" / "file"
    with replacing(file) as aside:
        aside.write_text("new")
        assert not file.exists()
    assert file.read_text() == "new"
    assert names(file.parent) == ["file"]


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with replacing(file) as aside:
        aside.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert names(tmp_path) == ["file"]


def test_a_file_that_was_cut_short_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(PowerCut), replacing(file) as aside:
        cut_short(aside)
    assert file.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_two_who_write_the_same_file_do_not_meet(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with replacing(file) as first, replacing(file) as second:
        first.write_text("first")
        second.write_text("second")
    assert file.read_text() == "first"  # its block ended last
    assert names(tmp_path) == ["file"]


def test_a_folder_appears_with_the_folders_above_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "below" / "folder"
    with replacing_folder(folder) as aside:
        (aside / "file").write_text("new")
        assert not folder.exists()
    assert (folder / "file").read_text() == "new"
    assert names(folder.parent) == ["folder"]


def test_a_new_folder_replaces_all_of_the_old_one(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "folder", file="old", other="old")
    with replacing_folder(folder) as aside:
        (aside / "file").write_text("new")
        assert names(folder) == ["file", "other"]
    assert names(folder) == ["file"]
    assert (folder / "file").read_text() == "new"
    assert names(tmp_path) == ["folder"]


def test_a_folder_that_was_cut_short_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "folder", file="old")
    with pytest.raises(PowerCut), replacing_folder(folder) as aside:
        cut_short(aside / "file")
    assert (folder / "file").read_text() == "old"
    assert names(tmp_path) == ["folder"]


def test_a_folder_that_was_cut_short_where_none_stood_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(PowerCut), replacing_folder(tmp_path / "folder") as aside:
        cut_short(aside / "file")
    assert not names(tmp_path)


def test_an_old_folder_comes_back_where_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "folder", file="old")
    with pytest.raises(FileNotFoundError), replacing_folder(folder) as aside:
        aside.rmdir()
    assert (folder / "file").read_text() == "old"
    assert names(tmp_path) == ["folder"]


def test_a_file_in_the_place_of_a_folder_is_refused_before_anything_happens(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("dear")
    with pytest.raises(NotADirectoryError, match="is there and is no folder"), replacing_folder(tmp_path / "file"):
        pytest.fail("nothing may be written")
    assert (tmp_path / "file").read_text() == "dear"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("target", ["folder", "nowhere"])
def test_a_link_in_the_place_of_a_folder_is_refused_before_anything_happens(tmp_path: Path, target: str) -> None:
    folder_with(tmp_path / "folder", file="dear")
    (tmp_path / "link").symlink_to(tmp_path / target)
    with pytest.raises(NotADirectoryError, match="is there and is no folder"), replacing_folder(tmp_path / "link"):
        pytest.fail("nothing may be written")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_text() == "dear"
    assert names(tmp_path) == ["folder", "link"]


def test_caches_lie_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("EARSHOT_CACHE")
    assert cache_folder() == tmp_path / "caches" / "earshot"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / "home" / ".cache" / "earshot"
