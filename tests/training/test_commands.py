"""The commands as a person types them: real processes, real clips, and what they say when something is wrong."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow.parquet as pq
import pytest

from training import commands
from training.checkpoint import load_facts

ROOT = Path(__file__).parent.parent.parent
TINY_RECIPE = """
[audio]
sample_rate = 16000
[front_end]
n_fft = 512
hop = 320
n_mels = 40
fmax = 8000
[model]
widths = [8, 16]
blocks = [1, 1]
[loop]
epochs = 2
batch_size = 8
precision = "fp32"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe of one's own."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "tiny.toml").write_text(TINY_RECIPE)
    return folder


def environment(home: Path, data: Path) -> dict[str, str]:
    return os.environ | {"EARSHOT_DATA": str(data), "EARSHOT_CACHE": str(home / "cache"), "COLUMNS": "200"}


@pytest.fixture(scope="module")
def run(home: Path, esc10_mini: Path) -> Path:
    """The folder of a finished run."""
    earshot(home, esc10_mini, "train", "tiny.toml", "--out", "run")
    return home / "run"


def earshot(home: Path, data: Path, *words: str, status: int = 0) -> str:
    result = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words],
        cwd=home, env=environment(home, data), capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert result.returncode == status, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert status != 1 or len(result.stderr.strip().splitlines()) == 1, result.stderr
    return result.stdout + result.stderr


def test_train_ends_with_a_table(run: Path, home: Path, esc10_mini: Path) -> None:
    text = earshot(home, esc10_mini, "train", "tiny.toml", "--out", "other", "--fold", "2", "-s", "loop.epochs=1")
    assert "32 windows to learn from, 8 held out, 4 classes" in text
    assert "fold 2 held out" in text
    assert "95 % interval" in text
    assert {path.suffix for path in run.iterdir() if path.is_file()} >= {".safetensors", ".parquet"}


def test_evaluate_repeats_the_accuracy_of_the_run(run: Path, home: Path, esc10_mini: Path) -> None:
    said = earshot(home, esc10_mini, "evaluate", "--checkpoint", str(run), "--predictions", "again.parquet")
    first, again = (pq.read_table(path).to_pylist() for path in (run / "predictions.parquet", home / "again.parquet"))
    assert [row["predicted"] for row in first] == [row["predicted"] for row in again]
    accuracy = sum(row["predicted"] == row["label"] for row in first) / len(first)
    assert f"accuracy {100 * accuracy:.2f} %" in said
    assert "has learned from" not in said


def test_a_validation_fold_raises_no_doubt_about_the_clips(home: Path, esc10_mini: Path) -> None:
    words = ("--fold", "1", "--validation-fold", "2", "-s", "loop.epochs=1")
    earshot(home, esc10_mini, "train", "tiny.toml", "--out", "validated", *words)
    said = earshot(home, esc10_mini, "evaluate", "--checkpoint", "validated")
    assert "fold 1: accuracy" in said
    assert "note" not in said


def test_a_shrunk_model_gives_the_same_answers(run: Path, home: Path, esc10_mini: Path) -> None:
    assert "MB" in earshot(home, esc10_mini, "shrink", str(run), "small.safetensors")
    assert (home / "small.safetensors").stat().st_size < 0.7 * (run / "model.safetensors").stat().st_size
    whole, small = (
        earshot(home, esc10_mini, "evaluate", "--checkpoint", place).split("loss")[0]
        for place in (str(run), "small.safetensors")
    )
    assert whole == small


def test_the_shipped_model_of_the_fold_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_CROSSVAL", tmp_path)
    for fold in (3, 2):
        (tmp_path / f"fold{fold}.safetensors").touch()
    assert commands._shipped_witness(3).name == "fold3.safetensors"
    assert commands._shipped_witness(None).name == "fold2.safetensors"


def test_a_fold_whose_model_is_not_shipped_is_refused(home: Path, esc10_mini: Path) -> None:
    said = earshot(home, esc10_mini, "evaluate", "--fold", "7", status=1)
    assert "no model that has not heard fold 7 comes with Earshot: name one by --checkpoint" in said


def test_evaluate_warns_where_the_model_has_learned(run: Path, home: Path, esc10_mini: Path) -> None:
    said = earshot(home, esc10_mini, "evaluate", "--checkpoint", str(run), "--fold", "2", "--per-class")
    assert "the model has learned from fold 2" in said
    assert "sneezing" in said


def test_a_model_learns_from_another(run: Path, home: Path, esc10_mini: Path) -> None:
    words = ("train", "tiny.toml", "-s", "loop.epochs=1", "--teachers", str(run))
    earshot(home, esc10_mini, *words, "--out", "pupil")
    assert len(load_facts(home / "pupil" / "model.safetensors").teachers) == 1
    refused = earshot(home, esc10_mini, *words, "--out", "nosy", "--fold", "2", status=1)
    assert (
        "no model there was trained without fold 2 of these same clips; earshot crossval makes one for each fold"
        in refused
    )


@contextmanager
def started(home: Path, data: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """The command, and what it says, while it runs."""
    with subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "cli.py"), *words], cwd=home, env=environment(home, data), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        yield process, process.stdout


def first_epoch_said(lines: IO[str]) -> int:
    return next(int(line.split()[1]) for line in lines if line.startswith("epoch"))


@pytest.fixture(scope="module")
def cut(home: Path, esc10_mini: Path) -> str:
    """The folder of a run that Ctrl-C stopped, and what it said."""
    endless = ("train", "tiny.toml", "--out", "cut", "-s", "loop.epochs=500", "-s", "loop.evaluate_every=1")
    with started(home, esc10_mini, *endless) as (process, lines):
        assert first_epoch_said(lines) == 1
        process.send_signal(signal.SIGINT)
        said = lines.read()
        assert process.wait(60) == 130
    return said


def test_ctrl_c_saves_and_says_how_to_go_on(cut: str, esc10_mini: Path) -> None:
    assert f"stopped and saved; go on with: earshot train --resume --data {esc10_mini} --out cut" in cut


@pytest.mark.usefixtures("cut")
def test_a_run_is_not_overwritten_but_resumed(home: Path, esc10_mini: Path) -> None:
    refused = earshot(home, esc10_mini, "train", "tiny.toml", "--out", "cut", status=1)
    assert "holds a run already: go on with it by --resume" in refused
    with started(home, esc10_mini, "train", "--resume", "--out", "cut") as (process, lines):
        assert first_epoch_said(lines) >= 2
        process.send_signal(signal.SIGTERM)
        assert "stopped and saved" in lines.read()
        assert process.wait(60) == 130


def test_crossval_prints_folds_and_mean(home: Path, esc10_mini: Path) -> None:
    said = earshot(home, esc10_mini, "crossval", "tiny.toml", "--out", "cv", "--folds", "1,3", "-s", "loop.epochs=1")
    assert "mean ± std" in said
    assert "mostly taken for" in said
    assert (home / "cv" / "predictions.parquet").is_file()


def test_recipes_explain_every_field(home: Path, esc10_mini: Path) -> None:
    assert "esc50-resnet" in earshot(home, esc10_mini, "recipes")
    said = earshot(home, esc10_mini, "recipes", "esc50-resnet")
    assert "optimiser.weight_decay = 0.2  # Pull towards zero; not applied to norms and biases." in said


def test_a_recipe_written_in_full_is_a_recipe(home: Path, esc10_mini: Path) -> None:
    said = earshot(home, esc10_mini, "recipes", "esc50-resnet", "-s", "loop.epochs=7")
    (home / "full.toml").write_text(said)
    assert "loop.epochs = 7" in said
    assert earshot(home, esc10_mini, "recipes", "full.toml") == said


def test_throughput_is_reported(home: Path, esc10_mini: Path) -> None:
    said = earshot(home, esc10_mini, "throughput", "tiny.toml", "--rounds", "1")
    assert "input pipeline alone" in said
    assert "pipeline ÷ training" in said


def test_data_check_reports_a_broken_file(home: Path, esc10_mini: Path) -> None:
    clips = sorted((esc10_mini / "audio").glob("*.ogg"))
    for label, clip in {"dog": clips[0], "rain": clips[2]}.items():
        (home / "mine" / label).mkdir(parents=True)
        (home / "mine" / label / clip.name).write_bytes(clip.read_bytes())
    (home / "mine" / "rain" / "broken.ogg").write_bytes(clips[0].read_bytes()[:3000])
    (home / "mine" / "empty").mkdir()
    said = earshot(home, esc10_mini, "data", "check", "mine", "--out", "facts.csv")
    assert "2 clips" in said
    assert "broken.ogg" in said
    assert "no audio in the class folder empty" in said
    assert len((home / "facts.csv").read_text().splitlines()) == 4


def test_augmentations_can_be_heard_and_seen(home: Path, esc10_mini: Path) -> None:
    clip = min((esc10_mini / "audio").glob("*.ogg"))
    said = earshot(home, esc10_mini, "data", "augment", str(clip), "--out", "heard")
    assert "augmentations.png" in said
    assert len(list((home / "heard").glob("*.wav"))) >= 9


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("train", "--data", "nowhere", "--out", "x"),
            "nowhere is not a folder. Fetch ESC-50 with",
        ),
        (("train", "nonsense", "--out", "x"), "no recipe 'nonsense'"),
        (("train", "tiny.toml", "--out", "x", "--fold", "9"), "no fold 9; it has [1, 2, 3, 4, 5]"),
        (("train", "tiny.toml", "--out", "x", "--validation-fold", "1"), "must not be the fold held out"),
        (
            ("train", "tiny.toml", "--out", "x", "-s", "loop.epochs=many"),
            "loop.epochs: Input should be a valid integer",
        ),
        (("train", "--out", "none", "--resume"), "no such checkpoint"),
        (("train", "--out", "run", "--resume"), "run is finished: judge it with earshot evaluate"),
        (("train", "tiny.toml", "--out", "tiny.toml/x"), "--out tiny.toml/x: no folder can be made there"),
        (("evaluate", "--checkpoint", "cut/state.safetensors"), "that is called model.safetensors"),
        (("shrink", "run", "tiny.toml"), "tiny.toml is there already"),
        (("train", "tiny.toml", "--out", "none", "--resume"), "give it --out and --data only"),
        (("train", "tiny.toml", "--out", "x", "--device", "tpu"), "--device tpu: cpu or cuda"),
        (("evaluate", "--checkpoint", "tiny.toml"), "is damaged or no checkpoint"),
        (("crossval", "tiny.toml", "--out", "x", "--folds", "one"), "expected numbers with commas between"),
        (("data", "augment", "tiny.toml", "--out", "x"), "tiny.toml: This is not audio in a known format"),
        (("data", "augment", "missing.wav", "--out", "x"), "missing.wav"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
@pytest.mark.usefixtures("run", "cut")
def test_mistakes_get_one_sentence(home: Path, esc10_mini: Path, words: tuple[str, ...], sentence: str) -> None:
    said = earshot(home, esc10_mini, *words, status=1)
    assert sentence in said
    assert len(said.strip().splitlines()) == 1
