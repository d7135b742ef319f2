"""Decoded once, equal to what `decode` gives, and whole or not there."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from contract.audio import decode, fit
from training.data.cache import FULL_SCALE, open_cache
from training.data.dataset import Clip, Dataset, DatasetError, load_dataset

RATE = 8000
WINDOW = 800


def recordings(root: Path, *lengths: int) -> Dataset:
    """A data set of noise, one recording for each number of samples."""
    (root / "noise").mkdir(parents=True)
    for i, length in enumerate(lengths):
        noise = np.random.default_rng(i).uniform(-0.5, 0.5, length)
        soundfile.write(root / "noise" / f"{i}.wav", noise, RATE, subtype="PCM_16")
    return load_dataset(root)


def pcm(dataset: Dataset, number: int) -> np.ndarray:
    samples, _ = soundfile.read(dataset.clips[number].path, dtype="int16")
    return np.asarray(samples)


def test_samples_equal_what_decode_gives(esc10_mini: Path, tmp_path: Path) -> None:
    dataset = load_dataset(esc10_mini)
    cache = open_cache(dataset, 16_000, 80_000, tmp_path)

    assert cache.samples.shape == (40, 80_000)
    assert cache.samples.dtype == np.int16
    assert cache.clip.tolist() == list(range(40))
    for clip, window in zip(dataset.clips, cache.samples, strict=True):
        sound = fit(decode(clip.path, 16_000), 80_000).clip(-1, 1)
        np.testing.assert_allclose(window, sound * FULL_SCALE, rtol=0, atol=1)


def test_16_bit_samples_at_the_same_rate_come_back_exactly(tmp_path: Path) -> None:
    dataset = recordings(tmp_path / "data", WINDOW)
    assert np.array_equal(open_cache(dataset, RATE, WINDOW, tmp_path).samples[0], pcm(dataset, 0))


def test_what_is_louder_than_full_scale_is_cut_off_not_wrapped(tmp_path: Path) -> None:
    (tmp_path / "data" / "loud").mkdir(parents=True)
    loud = tmp_path / "data" / "loud" / "loud.wav"
    soundfile.write(loud, np.tile([1.5, -1.5], WINDOW // 2), RATE, subtype="FLOAT")
    cache = open_cache(load_dataset(tmp_path / "data"), RATE, WINDOW, tmp_path)

    assert set(cache.samples[0].tolist()) == {32767, -32768}


def test_samples_cannot_be_written_to(tmp_path: Path) -> None:
    assert not open_cache(recordings(tmp_path / "data", WINDOW), RATE, WINDOW, tmp_path).samples.flags.writeable


def test_the_second_time_nothing_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = recordings(tmp_path / "data", WINDOW)
    first = open_cache(dataset, RATE, WINDOW, tmp_path)
    monkeypatch.setattr("training.data.cache.decode", lambda *_: pytest.fail("decoded again"))

    second = open_cache(dataset, RATE, WINDOW, tmp_path, progress=lambda *_: pytest.fail("decoded again"))
    assert np.array_equal(second.samples, first.samples)
    assert second.clip.tolist() == first.clip.tolist()
    assert second.unreadable == first.unreadable == ()


def test_a_changed_file_is_decoded_anew(tmp_path: Path) -> None:
    dataset = recordings(tmp_path / "data", WINDOW)
    before = open_cache(dataset, RATE, WINDOW, tmp_path).samples
    soundfile.write(dataset.clips[0].path, np.zeros(WINDOW), RATE, subtype="PCM_16")

    assert before.any()
    assert not open_cache(dataset, RATE, WINDOW, tmp_path).samples.any()


def test_each_rate_and_each_window_has_its_own_cache(tmp_path: Path) -> None:
    dataset = recordings(tmp_path / "sounds.v2", 4 * WINDOW)
    shapes = [
        open_cache(dataset, rate, n, tmp_path).samples.shape for rate, n in ((8000, 800), (8000, 400), (4000, 800))
    ]

    assert shapes == [(4, 800), (8, 400), (2, 800)]
    assert len(list(tmp_path.glob("sounds.v2-*.json"))) == 3


def test_fewer_clips_make_another_cache(tmp_path: Path) -> None:
    dataset = recordings(tmp_path / "data", WINDOW, WINDOW)
    fewer = Dataset(dataset.name, dataset.labels, dataset.clips[1:])
    open_cache(dataset, RATE, WINDOW, tmp_path)

    assert np.array_equal(open_cache(fewer, RATE, WINDOW, tmp_path).samples[0], pcm(dataset, 1))


def test_the_last_window_is_kept_from_half_a_window_of_sound_on(tmp_path: Path) -> None:
    windows_by_length = {100: 1, 800: 1, 1199: 1, 1200: 2, 1999: 2, 2000: 3, 2800: 4}
    cache = open_cache(recordings(tmp_path / "data", *windows_by_length), RATE, WINDOW, tmp_path)

    assert np.bincount(cache.clip).tolist() == list(windows_by_length.values())


def test_windows_are_the_recording_in_order_padded_at_its_end(tmp_path: Path) -> None:
    dataset = recordings(tmp_path / "data", 100, 2000)
    short, *long = open_cache(dataset, RATE, WINDOW, tmp_path).samples

    assert np.array_equal(short, np.pad(pcm(dataset, 0), (0, 700)))
    assert np.array_equal(np.concatenate(long), np.pad(pcm(dataset, 1), (0, 400)))


def test_windows_of_clips(tmp_path: Path) -> None:
    cache = open_cache(recordings(tmp_path / "data", 800, 2400, 800), RATE, WINDOW, tmp_path)

    assert cache.windows_of((1,)).tolist() == [1, 2, 3]
    assert cache.windows_of((2, 0)).tolist() == [0, 4]
    assert cache.windows_of(()).tolist() == []


def test_progress_goes_up_to_the_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    dataset = recordings(tmp_path / "data", 100, 100, 100)
    open_cache(dataset, RATE, WINDOW, tmp_path, progress=lambda done, total: seen.append((done, total)))

    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_corrupt_file_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    dataset = recordings(tmp_path / "data", WINDOW, WINDOW, WINDOW)
    dataset.clips[1].path.write_bytes(b"this is not audio")

    for _made_then_read in range(2):
        cache = open_cache(dataset, RATE, WINDOW, tmp_path)
        assert cache.clip.tolist() == [0, 2]
        assert np.array_equal(cache.samples[1], pcm(dataset, 2))
        (left_out,) = cache.unreadable
        assert left_out.path == str(dataset.clips[1].path)
        assert left_out.reason


def test_an_empty_file_is_reported_as_empty(tmp_path: Path) -> None:
    dataset = recordings(tmp_path / "data", WINDOW, WINDOW)
    dataset.clips[0].path.write_bytes(b"")

    assert "0 bytes" in open_cache(dataset, RATE, WINDOW, tmp_path).unreadable[0].reason


def test_nothing_that_can_be_decoded(tmp_path: Path) -> None:
    dataset = recordings(tmp_path / "data", WINDOW, WINDOW)
    for clip in dataset.clips:
        clip.path.write_bytes(b"this is not audio")

    with pytest.raises(DatasetError, match=r"data: no clip could be decoded; .*0\.wav: \w+"):
        open_cache(dataset, RATE, WINDOW, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_data_set_without_clips(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no clip could be decoded: there is none"):
        open_cache(Dataset("empty", ("dog",), ()), RATE, WINDOW, tmp_path)


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    dataset = recordings(tmp_path / "data", WINDOW, WINDOW)
    with pytest.raises(KeyboardInterrupt):
        open_cache(dataset, RATE, WINDOW, tmp_path / "cache", interrupt)
    assert list((tmp_path / "cache").iterdir()) == []


def test_samples_without_an_index_are_made_anew(tmp_path: Path) -> None:
    dataset = recordings(tmp_path / "data", WINDOW, WINDOW)
    whole = np.array(open_cache(dataset, RATE, WINDOW, tmp_path).samples)
    (index,) = tmp_path.glob("*.json")
    index.unlink()
    index.with_suffix(".i16").write_bytes(b"half of")
    index.with_suffix(".i16.0123abcd.partial").write_bytes(b"what a killed build leaves behind")

    assert np.array_equal(open_cache(dataset, RATE, WINDOW, tmp_path).samples, whole)


@pytest.mark.parametrize("left", [b"", b"cut off"])
def test_an_index_whose_samples_were_cut_off_is_made_anew(tmp_path: Path, left: bytes) -> None:
    dataset = recordings(tmp_path / "data", WINDOW, WINDOW)
    whole = np.array(open_cache(dataset, RATE, WINDOW, tmp_path).samples)
    (samples,) = tmp_path.glob("*.i16")
    samples.unlink()
    samples.write_bytes(left)

    assert np.array_equal(open_cache(dataset, RATE, WINDOW, tmp_path).samples, whole)


def test_a_build_that_is_overtaken_by_another(tmp_path: Path) -> None:
    dataset = recordings(tmp_path / "data", WINDOW, WINDOW, WINDOW)
    other = []

    def overtake(done: int, _total: int) -> None:
        if done == 2:
            other.append(open_cache(dataset, RATE, WINDOW, tmp_path / "cache").samples)

    samples = open_cache(dataset, RATE, WINDOW, tmp_path / "cache", overtake).samples
    assert np.array_equal(samples, other[0])
    assert sorted(file.suffix for file in (tmp_path / "cache").iterdir()) == [".i16", ".json"]


def test_two_processes_at_once(esc10_mini: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from training.data.cache import open_cache\n"
        "from training.data.dataset import load_dataset\n"
        "cache = open_cache(load_dataset(Path(sys.argv[1])), 16_000, 80_000, Path(sys.argv[2]))\n"
        "print(cache.samples.shape, int(abs(cache.samples.astype('int64')).sum()), len(cache.unreadable))"
    )
    command = [sys.executable, "-c", script, str(esc10_mini), str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate(timeout=60)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert answers[0] == answers[1]
    assert answers[0].startswith("(40, 80000)")
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".i16", ".json"]


def test_the_same_file_in_two_classes_is_decoded_for_each(tmp_path: Path) -> None:
    path = recordings(tmp_path / "data", WINDOW).clips[0].path
    twice = Dataset("twice", ("cat", "dog"), (Clip(path, 0, "a"), Clip(path, 1, "a")))
    cache = open_cache(twice, RATE, WINDOW, tmp_path)

    assert cache.clip.tolist() == [0, 1]
    assert np.array_equal(cache.samples[0], cache.samples[1])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are Unicode")
def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = recordings(tmp_path / "data", WINDOW).clips[0].path
    path.rename(path.with_name(os.fsdecode(b"caf\xe9.wav")))

    assert open_cache(load_dataset(tmp_path / "data"), RATE, WINDOW, tmp_path).samples.any()
