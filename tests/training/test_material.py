"""What a run learns from: the right clips on the right side, and the doubts said aloud."""

from pathlib import Path

import pytest

from training.data.dataset import DatasetError
from training.material import Material, Sounds, load_sounds
from training.recipe import Recipe, load_recipe


def files(material: Material, side: str) -> set[str]:
    return {material.dataset.clips[i].path.name for i in getattr(material, side).clips}


def test_each_clip_stands_on_one_side(sounds: Sounds) -> None:
    material = sounds.split(frozenset({1}), frozenset({2}))
    sides = [files(material, side) for side in ("held_out", "validation", "train")]
    assert [{name[0] for name in side} for side in sides] == [{"1"}, {"2"}, {"3", "4", "5"}]
    assert sum(map(len, sides)) == len(set().union(*sides)) == 40


def test_labels_are_those_of_the_files(sounds: Sounds) -> None:
    material = sounds.split(frozenset({3}))
    target = {"dog": "0", "rooster": "1", "rain": "10", "sneezing": "21"}
    for clip, label in zip(material.train.clips, material.train.labels, strict=True):
        name = material.dataset.clips[clip].path.stem
        assert name.rpartition("-")[2] == target[material.dataset.labels[label]]


def test_with_nothing_held_out_everything_is_learned_from(sounds: Sounds) -> None:
    material = sounds.split(frozenset())
    assert (len(material.train), len(material.held_out), len(material.validation)) == (40, 0, 0)


def test_the_fingerprint_tells_splits_apart(sounds: Sounds) -> None:
    prints = {sounds.split(held, looked).fingerprint() for held, looked in (
        (frozenset({1}), frozenset()), (frozenset({2}), frozenset()), (frozenset({1}), frozenset({2})),
    )}  # fmt: skip
    assert len(prints) == 3
    assert sounds.split(frozenset({1})).fingerprint() in prints


def test_folds_are_made_of_what_can_be_read(esc10_mini: Path, tiny: Recipe, tmp_path: Path) -> None:
    clips = sorted((esc10_mini / "audio").glob("*.ogg"))
    for number, clip in enumerate(clips):
        folder = tmp_path / "mine" / ("high" if clip.stem.endswith(("-1", "-21")) else "low")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.ogg").write_bytes(clip.read_bytes())
    for number in range(5):
        (tmp_path / "mine" / "low" / f"broken-{number}.ogg").write_bytes(b"no sound")
    sounds = load_sounds(tmp_path / "mine", tiny, cache_folder=tmp_path)
    assert len(sounds.warnings) == 5
    for fold in (1, 2, 3, 4, 5):
        assert sorted(sounds.split(frozenset({fold})).held_out.labels) == [0] * 4 + [1] * 4


def test_a_recipe_may_ask_for_some_classes_only(esc10_mini: Path, tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.model_copy(update={"labels": ("rain", "dog")})
    sounds = load_sounds(esc10_mini, recipe, cache_folder=tmp_path)
    assert sounds.dataset.labels == ("rain", "dog")
    assert len(sounds.dataset.clips) == 20


def test_one_class_alone_is_refused(esc10_mini: Path, tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.model_copy(update={"labels": ("rain",)})
    with pytest.raises(DatasetError, match=r"one class only \(rain\)"):
        load_sounds(esc10_mini, recipe, cache_folder=tmp_path)


@pytest.mark.dataset
def test_clips_of_a_held_out_recording_are_not_learned_from(esc50: Path) -> None:
    material = load_sounds(esc50, load_recipe("esc50-resnet")).split(frozenset({2}))
    learned = {material.dataset.clips[i].source for i in material.train.clips}
    held_out = {material.dataset.clips[i].source for i in material.held_out.clips}
    assert not learned & held_out
    assert len(material.held_out) == 400
    assert any("share a recording with a fold held out" in note for note in material.notes)
