"""Under what terms weights may be used: by what they were learned from, and only where it is known whose it is."""

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.errors import EarshotError
from contract.manifest import License
from export.terms import Terms, terms_of
from training.data.dataset import load_dataset
from training.recipe import load_recipe

WHOM = "clip derived from rose_bark.wav (http://www.freesound.org/people/nfrae/sounds/100032/) by nfrae [CC0]"


@pytest.fixture
def data(esc10_mini: Path, tmp_path: Path) -> Path:
    """A copy of ESC-10's clips, to be changed."""
    return Path(shutil.copytree(esc10_mini, tmp_path / "data"))


def change_table(data: Path, change: Callable[[dict[str, str]], object]) -> None:
    table = data / "meta" / "esc50.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    change(rows[0])
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def terms(data: Path) -> Terms:
    return terms_of(data, load_dataset(data))


def test_the_clips_of_esc10_may_be_used_by_whoever_names_their_authors(esc10_mini: Path) -> None:
    found = terms(esc10_mini)
    assert (found.license.name, found.license.commercial_use) == ("CC BY 3.0", True)
    assert "Piczak" in found.license.attribution
    assert found.attribution.keys() == {path.stem for path in (esc10_mini / "audio").iterdir()}
    assert found.attribution["1-100032-A-0"] == WHOM


def test_sources_are_counted_by_their_terms(esc10_mini: Path) -> None:
    sources = terms(esc10_mini).sources
    counts = [int(part.split(" × ")[0]) for part in sources.split(", ")]
    assert sum(counts) == 40
    assert counts == sorted(counts, reverse=True)
    assert " × CC0" in sources
    assert " × CC-BY" in sources


def test_one_clip_of_the_rest_makes_all_of_it_non_commercial(data: Path) -> None:
    change_table(data, lambda row: row.update(esc10="False"))
    found = terms(data)
    assert (found.license.name, found.license.commercial_use) == ("CC BY-NC 3.0", False)
    assert len(found.attribution) == 40


def test_a_table_that_does_not_tell_esc10_apart_means_the_rest(data: Path) -> None:
    table = data / "meta" / "esc50.csv"
    table.write_text(table.read_text().replace("esc10", "subset"))
    assert terms(data).license.commercial_use is False


def test_of_sounds_without_a_table_nothing_is_known(tmp_path: Path, esc10_mini: Path) -> None:
    for label, clip in (("dog", "1-100032-A-0.ogg"), ("rain", "1-17367-A-10.ogg")):
        (tmp_path / label).mkdir()
        shutil.copy(esc10_mini / "audio" / clip, tmp_path / label)
    shutil.copy(esc10_mini / "ATTRIBUTION.md", tmp_path)
    assert terms(tmp_path) == Terms(License(name="not stated", commercial_use=None))


def test_attribution_that_nobody_can_give_is_refused(data: Path) -> None:
    (data / "ATTRIBUTION.md").unlink()
    with pytest.raises(EarshotError, match=r"no LICENSE file there says whom 1-100032-A-0 is by; .*data download$"):
        terms(data)


def test_a_single_clip_that_is_owed_to_nobody_is_named(data: Path) -> None:
    attribution = data / "ATTRIBUTION.md"
    lines = attribution.read_text().splitlines()
    attribution.write_text("\n".join(line for line in lines if "3-157149-A-10" not in line))
    with pytest.raises(EarshotError, match="says whom 3-157149-A-10 is by"):
        terms(data)


def test_non_commercial_clips_need_no_names(data: Path) -> None:
    (data / "ATTRIBUTION.md").unlink()
    change_table(data, lambda row: row.update(esc10="False"))
    found = terms(data)
    assert (found.license.name, found.attribution, found.sources) == ("CC BY-NC 3.0", {}, "")


def test_takes_of_one_recording_are_owed_to_the_same_person(data: Path) -> None:
    (data / "audio" / "1-100032-A-0.ogg").rename(data / "audio" / "1-100032-B-0.ogg")
    change_table(data, lambda row: row.update(filename="1-100032-B-0.wav"))
    assert terms(data).attribution["1-100032-B-0"] == WHOM


def test_the_lines_of_esc50_are_read_too(data: Path) -> None:
    """There, clips are in brackets and still have the names of the first release."""
    text = (data / "ATTRIBUTION.md").read_text()
    (data / "ATTRIBUTION.md").unlink()
    (data / "LICENSE").write_text(re.sub(r"- `([^`]+)-\d+\.ogg` \(\w+\):", r"- [\1.ogg]:", text))
    assert "- [1-100032-A.ogg]: clip" in (data / "LICENSE").read_text()
    assert terms(data).attribution["1-100032-A-0"] == WHOM


@pytest.mark.dataset
def test_every_clip_of_esc50_is_owed_to_somebody(esc50: Path) -> None:
    whole = load_dataset(esc50)
    found = terms_of(esc50, whole)
    assert found.license.name == "CC BY-NC 3.0"
    assert len(found.attribution) == len(whole.clips) == 2000
    assert all(" by " in whom for whom in found.attribution.values())
    free = terms_of(esc50, whole.subset(load_recipe("esc10-resnet").labels))
    assert free.license.name == "CC BY 3.0"
    assert len(free.attribution) == 400
    assert "CC-BY-NC" not in free.sources
