"""No recording on both sides, every class on both, and the official folds where there are any."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.dataset import Clip, Dataset, DatasetError, load_dataset
from training.data.splits import FOLDS, folds_of, notes_on_sources, split_by_fold, straddling_sources


def dataset(*clips: tuple[str, int], folds: tuple[int, ...] | None = None) -> Dataset:
    """One clip for each source and label given."""
    made = tuple(
        Clip(Path(f"{i}.wav"), label, source, folds[i] if folds else None) for i, (source, label) in enumerate(clips)
    )
    return Dataset("pets", ("cat", "dog", "fox", "owl"), made)


SIXTY_RECORDINGS = dataset(*((f"recording {i}", i % 3) for i in range(60)))


def test_official_folds_are_kept(esc10_mini: Path) -> None:
    mini = load_dataset(esc10_mini)
    assert folds_of(mini) == tuple(int(clip.path.name[0]) for clip in mini.clips)


def test_made_folds_are_numbered_as_the_official_ones_are() -> None:
    assert set(folds_of(SIXTY_RECORDINGS)) == set(range(1, FOLDS + 1))


def test_folds_are_made_anew_where_one_clip_has_none() -> None:
    some = Dataset("pets", ("cat",), tuple(Clip(Path(f"{i}"), 0, str(i), 7 if i else None) for i in range(10)))
    assert set(folds_of(some)) == {1, 2, 3, 4, 5}


def test_every_class_is_spread_evenly() -> None:
    per_fold = Counter(zip(folds_of(SIXTY_RECORDINGS), (c.label for c in SIXTY_RECORDINGS.clips), strict=True))
    assert set(per_fold.values()) == {4}, "20 clips of each class in 5 folds"


def test_recordings_of_several_clips_are_spread_evenly_too() -> None:
    takes = dataset(*((f"recording {i // 3}", i // 30) for i in range(120)))
    per_fold = Counter(zip(folds_of(takes), (clip.label for clip in takes.clips), strict=True))

    assert set(per_fold.values()) == {6}, "30 clips of each class in 5 folds"


def test_a_single_class_is_spread_evenly() -> None:
    assert set(Counter(folds_of(dataset(*((str(i), 0) for i in range(15))))).values()) == {3}


@given(clips=st.lists(st.tuples(st.integers(0, 12).map(str), st.integers(0, 3)), min_size=1, max_size=60))
def test_no_recording_is_in_two_made_folds(clips: list[tuple[str, int]]) -> None:
    fold_of: dict[str, int] = {}
    for (source, _), fold in zip(clips, folds_of(dataset(*clips)), strict=True):
        assert fold_of.setdefault(source, fold) == fold


@given(
    clips=st.lists(
        st.tuples(st.integers(0, 30).map(str), st.integers(0, 3), st.integers(1, 5)), min_size=1, max_size=60
    ),
    held_out=st.integers(1, 5),
)
def test_no_recording_is_on_both_sides(clips: list[tuple[str, int, int]], held_out: int) -> None:
    folds = (*(fold for _, _, fold in clips), held_out, held_out % 5 + 1)
    data = dataset(*((source, label) for source, label, _ in clips), ("one", 0), ("other", 0), folds=folds)
    split = split_by_fold(data, frozenset({held_out}))

    learned = {data.clips[i].source for i in split.train}
    judged = {data.clips[i].source for i in split.held_out}
    assert not learned & judged
    assert sorted((*split.train, *split.held_out, *split.dropped)) == list(range(len(data.clips)))


def test_made_folds_are_always_the_same() -> None:
    assert folds_of(SIXTY_RECORDINGS) == folds_of(SIXTY_RECORDINGS)


def test_clips_of_a_recording_that_is_held_out_are_dropped() -> None:
    data = dataset(("rain", 0), ("rain", 0), ("hail", 0), ("snow", 0), folds=(1, 2, 2, 3))
    split = split_by_fold(data, frozenset({1}))

    assert split.held_out == (0,)
    assert split.dropped == (1,)
    assert split.train == (2, 3)


def test_several_folds_held_out() -> None:
    data = dataset(("a", 0), ("b", 0), ("c", 0), folds=(1, 2, 3))
    assert split_by_fold(data, frozenset({1, 3})).held_out == (0, 2)


def test_no_fold_held_out_learns_from_everything() -> None:
    split = split_by_fold(SIXTY_RECORDINGS, frozenset())

    assert split.train == tuple(range(60))
    assert split.held_out == ()


def test_an_unknown_fold_is_answered_with_those_there_are(esc10_mini: Path) -> None:
    with pytest.raises(DatasetError, match=r"esc10-mini has no fold 6; it has \[1, 2, 3, 4, 5\]"):
        split_by_fold(load_dataset(esc10_mini), frozenset({1, 6}))


def test_recordings_in_two_folds_are_found_and_noted() -> None:
    data = dataset(("rain", 0), ("hail", 0), ("rain", 0), ("hail", 0), ("snow", 0), folds=(2, 5, 1, 4, 3))

    assert straddling_sources(data) == {"hail": (4, 5), "rain": (1, 2)}
    assert notes_on_sources(data) == ["2 recordings have clips in two folds: hail (4 and 5), rain (1 and 2)."]


def test_no_note_where_no_recording_is_in_two_folds(esc10_mini: Path) -> None:
    assert notes_on_sources(load_dataset(esc10_mini)) == []
    assert notes_on_sources(SIXTY_RECORDINGS) == []


@pytest.mark.dataset
def test_esc50_has_five_folds_of_400(esc50: Path) -> None:
    data = load_dataset(esc50)

    assert data.warnings == ()
    assert len(data.labels) == 50
    assert Counter(folds_of(data)) == dict.fromkeys(range(1, 6), 400)
    assert set(Counter((clip.fold, clip.label) for clip in data.clips).values()) == {8}


@pytest.mark.dataset
def test_four_recordings_of_esc50_are_in_two_folds(esc50: Path) -> None:
    assert straddling_sources(load_dataset(esc50)) == {
        "131943": (2, 3),
        "134049": (2, 3),
        "209698": (4, 5),
        "234879": (4, 5),
    }
