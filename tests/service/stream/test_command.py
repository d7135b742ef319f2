"""`earshot listen` as a process of its own."""

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from contract.audio import decode
from tests.service.process import ROOT, Process
from tests.service.stream.sound import s16
from tests.service.stream.wires import PATIENCE_S

ROOSTER = ROOT / "docs" / "sounds" / "rooster.wav"


def words(server: Process, *more: str) -> list[str]:
    return [sys.executable, str(ROOT / "cli.py"), "listen", *more, "--url", f"ws://127.0.0.1:{server.port}/v1/stream"]


def earshot(server: Process, *more: str, sound: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(words(server, *more), input=sound, capture_output=True, check=False, timeout=60)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_file_is_heard_line_by_line(server: Process) -> None:
    done = earshot(server, str(ROOSTER), "--fast", "--smoothing", "0")
    assert (done.returncode, done.stderr) == (0, "5 s heard, 5 hops answered\n")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[:2] for line in lines] == [[f"{n}.0", "s"] for n in (1, 2, 3, 4, 5)]
    assert lines[-1][2:] == ["rooster", "98.3%"]


def test_raw_sound_is_heard_from_a_pipe(server: Process, rooster: bytes) -> None:
    pcm = s16(decode(rooster, 48_000))
    done = earshot(server, "-", "--fast", "--hop", "2.5", sound=pcm)
    assert (done.returncode, done.stderr) == (0, "5 s heard, 2 hops answered\n")
    assert done.stdout.splitlines()[-1].split()[2] == "rooster"


def test_a_file_is_played_in_real_time(server: Process) -> None:
    start = time.monotonic()
    with subprocess.Popen(
        words(server, str(ROOSTER), "--hop", "0.5"),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (whoever runs the tests may ignore it)
    ) as playing:
        assert playing.stdout
        for end in ("0.5", "1.0", "1.5"):
            assert playing.stdout.readline().split()[0] == end
        assert time.monotonic() - start > 1.5  # however late it began
        playing.send_signal(signal.SIGINT)
        assert playing.wait(PATIENCE_S) == 130


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("missing.wav",), "error: missing.wav: No such file or directory"),
        (("-", "--rate", "1"), "error: sample_rate: Input should be greater than or equal to 4000"),
        ((str(ROOSTER), "--hop", "0"), "error: hop_s: Input should be greater than or equal to 0.1"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(server: Process, flags: tuple[str, ...], sentence: str) -> None:
    done = earshot(server, *flags)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence + "\n")


def test_without_a_service_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "cli.py"), "listen", str(ROOSTER), "--url", "ws://127.0.0.1:1/v1/stream"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "error: ws://127.0.0.1:1/v1/stream: no service answers there; `earshot serve` starts one\n"
    )
