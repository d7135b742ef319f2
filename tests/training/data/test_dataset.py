"""Two layouts of data on disk, and what is said where they are not as they should be."""

import os
from pathlib import Path

import pytest

from training.data.dataset import Clip, Dataset, DatasetError, load_dataset

HEAD = "filename,fold,target,category\n"


def esc_folder(root: Path, table: str, *audio: str) -> Path:
    """ESC-50's layout with this table and these (empty) audio files."""
    for folder in ("meta", "audio"):
        (root / folder).mkdir(parents=True)
    (root / "meta" / "esc50.csv").write_text(table, encoding="utf-8")
    for name in audio:
        (root / "audio" / name).touch()
    return root


def class_folders(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def test_the_official_layout_with_ogg_where_the_table_says_wav(esc10_mini: Path) -> None:
    dataset = load_dataset(esc10_mini)

    assert len(dataset.clips) == 40
    assert dataset.name == "esc10-mini"
    assert dataset.warnings == ()
    assert dataset.clips[0] == Clip(esc10_mini / "audio" / "1-100032-A-0.ogg", label=0, source="100032", fold=1)


def test_labels_stand_in_the_order_of_their_targets_not_of_the_alphabet(esc10_mini: Path) -> None:
    dataset = load_dataset(esc10_mini)

    assert dataset.labels == ("dog", "rooster", "rain", "sneezing"), "targets 0, 1, 10 and 21"
    assert all(clip.path.stem.endswith(f"-{(0, 1, 10, 21)[clip.label]}") for clip in dataset.clips)


def test_takes_of_one_recording_share_their_source(tmp_path: Path) -> None:
    table = f"{HEAD}1-977-A-39.wav,1,39,glass\n1-977-B-39.wav,1,39,glass\n"
    dataset = load_dataset(esc_folder(tmp_path / "esc", table, "1-977-A-39.wav", "1-977-B-39.wav"))

    assert [clip.source for clip in dataset.clips] == ["977", "977"]


def test_audio_files_with_upper_case_suffixes(tmp_path: Path) -> None:
    table = f"{HEAD}a.wav,1,0,dog\nb.wav,2,0,dog\n"
    dataset = load_dataset(esc_folder(tmp_path / "esc", table, "a.WAV", "b.Flac"))

    assert [clip.path.name for clip in dataset.clips] == ["a.WAV", "b.Flac"]


def test_a_table_as_spreadsheets_write_it(tmp_path: Path) -> None:
    table = "\ufefffilename,fold,target,category\r\na.wav,1,0,dog\r\n"
    assert load_dataset(esc_folder(tmp_path / "esc", table, "a.wav")).labels == ("dog",)


def test_missing_audio_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    table = f"{HEAD}a.wav,1,0,dog\nb.wav,1,0,dog\nc.wav,1,1,cat\n"
    dataset = load_dataset(esc_folder(tmp_path / "esc", table, "a.wav"))
    files, classes = dataset.warnings

    assert [clip.path.name for clip in dataset.clips] == ["a.wav"]
    assert "esc50.csv names 2 files that are not in audio/: b.wav, c.wav" in files
    assert classes == "no clip of the class cat is present"


def test_of_many_missing_files_a_few_are_named(tmp_path: Path) -> None:
    table = HEAD + "".join(f"{i}.wav,1,0,dog\n" for i in range(10))
    dataset = load_dataset(esc_folder(tmp_path / "esc", table, "9.wav"))

    assert dataset.warnings[0].endswith("0.wav, 1.wav, 2.wav, 3.wav, 4.wav and 4 more")


def test_a_link_to_nothing_counts_as_missing(tmp_path: Path) -> None:
    root = esc_folder(tmp_path / "esc", f"{HEAD}a.wav,1,0,dog\nb.wav,1,0,dog\n", "a.wav")
    (root / "audio" / "b.wav").symlink_to(tmp_path / "nowhere.wav")

    assert "b.wav" in load_dataset(root).warnings[0]


def test_no_audio_at_all(tmp_path: Path) -> None:
    root = esc_folder(tmp_path / "esc", f"{HEAD}a.wav,1,0,dog\n")
    with pytest.raises(DatasetError, match=r"audio holds none of the 1 files that .*esc50\.csv names"):
        load_dataset(root)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("a.wav,1,0,dog\nb.wav,one,0,dog\n", "line 3: .* fold and target must be numbers; found .*'one'"),
        ("a.wav,1,zero,dog\n", "line 2: .* fold and target must be numbers"),
        ("a.wav,1,0²,dog\n", "line 2: .* fold and target must be numbers"),
        ("a.wav,1,0,\n", "line 2: filename and category must not be empty"),
        (",1,0,dog\n", "line 2: filename and category must not be empty"),
        ("a.wav,1\n", "line 2: filename and category must not be empty"),
        ("\na.wav,1,0,dog\nb.wav,1,0,cat\n", "line 4: target 0 is called 'cat' here, 'dog' above"),
        ("a.wav,1,0,dog\nb.wav,1,1,dog\n", "line 3: 'dog' has target 1 here, 0 above"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, rows: str, complaint: str) -> None:
    root = esc_folder(tmp_path / "esc", HEAD + rows, "a.wav", "b.wav")
    with pytest.raises(DatasetError, match=rf"esc50\.csv, {complaint}"):
        load_dataset(root)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (b"", "lacks the column category, filename, fold, target"),
        (b"filename,fold,target\na.wav,1,0\n", "lacks the column category"),
        (b"filename,fold,target,category\n", "has no rows"),
        (b"filename,fold,target,category\na.wav,1,0,b\xe4r\n", "is not a CSV table in UTF-8"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, table: bytes, complaint: str) -> None:
    root = esc_folder(tmp_path / "esc", "", "a.wav")
    (root / "meta" / "esc50.csv").write_bytes(table)
    with pytest.raises(DatasetError, match=rf"esc50\.csv {complaint}"):
        load_dataset(root)


def test_one_folder_per_class(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "pets", "dog/b.wav", "dog/a.wav", "cat/a.ogg", "cat/notes.txt")
    dataset = load_dataset(root)

    assert dataset.labels == ("cat", "dog")
    assert [(clip.path.name, clip.label) for clip in dataset.clips] == [("a.ogg", 0), ("a.wav", 1), ("b.wav", 1)]
    assert all(clip.fold is None for clip in dataset.clips)


def test_clips_of_one_name_in_two_classes_are_two_sources(tmp_path: Path) -> None:
    dataset = load_dataset(class_folders(tmp_path / "pets", "dog/1.wav", "cat/1.wav"))
    assert len({clip.source for clip in dataset.clips}) == 2


def test_names_as_those_of_esc50_tell_the_source_in_class_folders_too(tmp_path: Path) -> None:
    dataset = load_dataset(class_folders(tmp_path / "pets", "dog/1-100032-A-0.wav", "dog/2-100032-B-0.wav"))
    assert [clip.source for clip in dataset.clips] == ["100032", "100032"]


def test_folders_within_a_class_folder_belong_to_the_class(tmp_path: Path) -> None:
    dataset = load_dataset(class_folders(tmp_path / "pets", "dog/garden/1.wav", "dog/street/1.WAV"))

    assert dataset.labels == ("dog",)
    assert len(dataset.clips) == 2


def test_an_empty_class_folder_is_named_and_left_out(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "pets", "dog/1.wav", "ant/readme.txt")
    (root / "bee" / "only-a-folder").mkdir(parents=True)
    dataset = load_dataset(root)

    assert dataset.labels == ("dog",)
    assert dataset.clips[0].label == 0
    assert dataset.warnings == (f"{root}: no audio in the class folder ant, bee; left out",)


def test_hidden_files_and_folders_are_no_audio(tmp_path: Path) -> None:
    dataset = load_dataset(class_folders(tmp_path / "pets", "dog/1.wav", "dog/._1.wav", ".trash/2.wav"))

    assert [clip.path.name for clip in dataset.clips] == ["1.wav"]
    assert dataset.warnings == ()


def test_a_linked_class_folder(tmp_path: Path) -> None:
    class_folders(tmp_path / "elsewhere", "dog/1.wav")
    root = tmp_path / "pets"
    root.mkdir()
    (root / "hound").symlink_to(tmp_path / "elsewhere" / "dog")

    assert load_dataset(root).labels == ("hound",)


def test_the_folder_one_stands_in_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(class_folders(tmp_path / "pets", "dog/1.wav"))
    assert load_dataset(Path(os.curdir)).name == "pets"


def test_no_folder_tells_how_to_fetch_one(tmp_path: Path) -> None:
    nowhere = tmp_path / "esc50"
    with pytest.raises(DatasetError, match=rf"is not a folder.*: earshot data download {nowhere}$"):
        load_dataset(nowhere)


@pytest.mark.parametrize("content", ["readme.txt", "loose.wav", "dog/readme.txt"])
def test_nothing_to_be_found_tells_what_was_expected(tmp_path: Path, content: str) -> None:
    root = class_folders(tmp_path / "empty", content)
    with pytest.raises(DatasetError, match=r"empty holds no audio: expected meta/esc50\.csv .* one folder per class"):
        load_dataset(root)


def test_a_subset_is_numbered_in_the_order_asked_for(esc10_mini: Path) -> None:
    whole = load_dataset(esc10_mini)
    subset = whole.subset(("sneezing", "dog"))

    assert subset.labels == ("sneezing", "dog")
    assert [clip.path for clip in subset.clips if clip.label == 0] == [
        clip.path for clip in whole.clips if whole.labels[clip.label] == "sneezing"
    ]
    assert {clip.fold for clip in subset.clips} == {1, 2, 3, 4, 5}
    assert len(subset.clips) == 20


def test_a_subset_keeps_the_warnings() -> None:
    dataset = Dataset("pets", ("cat", "dog"), (Clip(Path("1.wav"), 0, "1"),), ("a warning",))
    assert dataset.subset(("cat",)).warnings == ("a warning",)


def test_a_subset_of_unknown_classes_names_them(esc10_mini: Path) -> None:
    expected = "esc10-mini has no class wolf, fox; it has dog, rooster, rain, sneezing"
    with pytest.raises(DatasetError, match=expected):
        load_dataset(esc10_mini).subset(("dog", "wolf", "fox"))


def test_a_model_may_know_more_classes_than_the_data_has(esc10_mini: Path) -> None:
    known = load_dataset(esc10_mini).as_known_to(("wolf", "sneezing", "rain", "rooster", "dog"))

    assert {known.labels[clip.label] for clip in known.clips} == {"dog", "rain", "rooster", "sneezing"}
    assert {clip.path.stem.rpartition("-")[2] for clip in known.clips if clip.label == 1} == {"21"}
    assert known.warnings == ()


def test_clips_of_classes_that_a_model_does_not_know_are_left_out(esc10_mini: Path) -> None:
    known = load_dataset(esc10_mini).as_known_to(("dog", "wolf"))

    assert len(known.clips) == 10
    assert known.warnings == ("the model knows no class rooster, rain, sneezing; left out",)


def test_data_of_which_a_model_knows_nothing_is_refused(esc10_mini: Path) -> None:
    with pytest.raises(DatasetError, match="has no class that the model knows; it has dog"):
        load_dataset(esc10_mini).as_known_to(("wolf",))


def test_sounds_beside_the_class_folders_are_named(tmp_path: Path) -> None:
    for name in ("dog/a.wav", "cat/b.wav", "stray.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    dataset = load_dataset(tmp_path)

    assert len(dataset.clips) == 2
    assert "stray.wav lies in no class folder; left out" in dataset.warnings[0]
