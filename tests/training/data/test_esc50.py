"""The data set from a server on this machine: whole and right, or not there."""

import hashlib
import io
import socket
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from training.data.dataset import DatasetError, load_dataset
from training.data.esc50 import DIGEST as OFFICIAL
from training.data.esc50 import digest_of, download

AUDIO = {f"1-{number}-A-0.wav": bytes([number]) * 5000 for number in (7, 8, 9)}
TABLE = "filename,fold,target,category\n" + "".join(f"{name},1,0,dog\n" for name in AUDIO)
DIGEST = hashlib.sha256(
    "".join(f"{name} 1 0 dog {hashlib.md5(AUDIO[name]).hexdigest()}\n" for name in sorted(AUDIO)).encode()  # noqa: S324
).hexdigest()
AS_ON_GITHUB = {
    "ESC-50-master/": b"",
    "ESC-50-master/LICENSE": b"CC BY-NC",
    "ESC-50-master/README.md": b"# ESC-50",
    "ESC-50-master/esc50.gif": b"a picture that nobody needs",
    "ESC-50-master/audio/": b"",
    **{f"ESC-50-master/audio/{name}": content for name, content in AUDIO.items()},
    "ESC-50-master/meta/esc50.csv": TABLE.encode(),
    "ESC-50-master/meta/esc50-human.xlsx": b"another table",
}


class Home(SimpleHTTPRequestHandler):
    """Serves a folder; what is asked for under /chunked/ as GitHub does: in chunks, its length not told before."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind, _, name = self.path.strip("/").rpartition("/")
        if not kind:
            super().do_GET()
            return
        content = (Path(self.directory) / name).read_bytes()
        self.send_response(200)
        self.close_connection = True
        if kind == "hanging-up":
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
            self.wfile.write(b"0\r\n\r\n" if kind == "chunked" else b"")

    def log_message(self, *_: object) -> None:
        """Tests keep quiet."""


@pytest.fixture(autouse=True)
def _straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past any proxy: the server is here."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the server serves."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="module")
def home(shelf: Path) -> Iterator[str]:
    """Address of a server, with the archive as GitHub makes it under /master.zip."""
    (shelf / "master.zip").write_bytes(zipped(AS_ON_GITHUB))

    def handler(*arguments: object) -> Home:
        return Home(*arguments, directory=str(shelf))  # type: ignore[arg-type]

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def zipped(content: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_arrives_is_the_official_layout_and_nothing_else(home: str, tmp_path: Path) -> None:
    target = tmp_path / "data" / "esc50"
    download(target, f"{home}/master.zip", DIGEST)

    assert files_in(tmp_path) == [
        "data/esc50/LICENSE",
        "data/esc50/README.md",
        *(f"data/esc50/audio/{name}" for name in sorted(AUDIO)),
        "data/esc50/meta/esc50.csv",
    ]
    assert (target / "audio" / "1-7-A-0.wav").read_bytes() == AUDIO["1-7-A-0.wav"]
    assert len(load_dataset(target).clips) == 3


def test_progress_is_told_in_bytes(home: str, shelf: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    download(tmp_path / "esc50", f"{home}/master.zip", DIGEST, lambda done, total: seen.append((done, total)))

    size = (shelf / "master.zip").stat().st_size
    assert seen[-1] == (size, size)


def test_the_total_is_0_where_the_server_does_not_tell_it(home: str, shelf: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    download(tmp_path / "esc50", f"{home}/chunked/master.zip", DIGEST, lambda done, total: seen.append((done, total)))

    assert seen[-1] == ((shelf / "master.zip").stat().st_size, 0)


def test_the_target_is_not_there_before_it_is_whole(home: str, tmp_path: Path) -> None:
    target = tmp_path / "esc50"
    there: list[bool] = []
    download(target, f"{home}/master.zip", DIGEST, lambda _done, _total: there.append(target.exists()))

    assert there
    assert not any(there)


def test_an_empty_folder_is_filled(home: str, tmp_path: Path) -> None:
    download(tmp_path, f"{home}/master.zip", DIGEST)
    assert (tmp_path / "meta" / "esc50.csv").is_file()


_ARCHIVE = zipped(AS_ON_GITHUB)
SPOILED = {
    "truncated.zip": _ARCHIVE[:-500],
    "page.zip": b"<html>Please log in</html>",
    "empty.zip": b"",
    "other.zip": zipped({"cats-main/README.md": b"cats", "cats-main/pictures/cat.jpg": b"meow"}),
    "no-table.zip": zipped({name: data for name, data in AS_ON_GITHUB.items() if "meta" not in name}),
    "flipped.zip": zipped(AS_ON_GITHUB, zipfile.ZIP_STORED).replace(bytes([8]) * 5000, bytes([8]) * 4999 + b"x"),
    "bad-stream.zip": _ARCHIVE[:400] + bytes(40) + _ARCHIVE[440:],
    "other-audio.zip": zipped({**AS_ON_GITHUB, "ESC-50-master/audio/1-7-A-0.wav": b"something else"}),
    "fewer.zip": zipped({name: data for name, data in AS_ON_GITHUB.items() if "1-9-A" not in name}),
}


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("missing.zip", r"cannot fetch .*missing\.zip: .*[Nn]ot [Ff]ound.* Fetch it by other means"),
        ("truncated.zip", "is not a whole ZIP archive .*: run the command again"),
        ("hanging-up/master.zip", "is not a whole ZIP archive .*: run the command again"),
        ("breaking-off/master.zip", r"cannot fetch .*: IncompleteRead"),
        ("page.zip", "is not a whole ZIP archive"),
        ("empty.zip", "is not a whole ZIP archive"),
        ("flipped.zip", "is not a whole ZIP archive .*CRC"),
        ("bad-stream.zip", "is not a whole ZIP archive"),
        ("other.zip", r"holds no audio/ and meta/esc50\.csv: it is not ESC-50"),
        ("no-table.zip", r"holds no audio/ and meta/esc50\.csv: it is not ESC-50"),
        ("other-audio.zip", f"audio or table is not that of ESC-50 .* expected {DIGEST}"),
        ("fewer.zip", "its table and its audio do not fit together"),
    ],
)
def test_a_failure_is_told_leaves_nothing_and_the_next_try_works(
    home: str, shelf: Path, tmp_path: Path, address: str, complaint: str
) -> None:
    for name, content in SPOILED.items():
        (shelf / name).write_bytes(content)

    with pytest.raises(DatasetError, match=complaint):
        download(tmp_path / "esc50", f"{home}/{address}", DIGEST)
    assert list(tmp_path.iterdir()) == []

    download(tmp_path / "esc50", f"{home}/master.zip", DIGEST)
    assert digest_of(tmp_path / "esc50") == DIGEST


def test_no_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DatasetError, match=r"cannot fetch .*refused.*give its folder as --data"):
        download(tmp_path / "esc50", f"http://127.0.0.1:{port}/master.zip", DIGEST)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_try_left_behind_does_no_harm(home: str, tmp_path: Path) -> None:
    (tmp_path / "esc50.zip.partial").write_bytes(b"half of it")
    (tmp_path / "esc50.partial" / "audio").mkdir(parents=True)
    (tmp_path / "esc50.partial" / "audio" / "stray.wav").touch()
    download(tmp_path / "esc50", f"{home}/master.zip", DIGEST)

    assert [path.name for path in tmp_path.iterdir()] == ["esc50"]
    assert digest_of(tmp_path / "esc50") == DIGEST


@pytest.mark.parametrize(
    "evil",
    [
        "../evil",
        "ESC-50-master/../../evil",
        "ESC-50-master/audio/../../../evil",
        "/audio/../../evil",
        "x/audio/../evil",
    ],
)
def test_names_that_point_elsewhere_are_left_in_the_archive(
    home: str, shelf: Path, tmp_path: Path, evil: str
) -> None:
    (shelf / "evil.zip").write_bytes(zipped({evil: b"evil", **AS_ON_GITHUB}))
    download(tmp_path / "deep" / "er" / "esc50", f"{home}/evil.zip", DIGEST)

    assert not [file for file in files_in(tmp_path) if "evil" in file]


def test_an_absolute_name_stays_inside(home: str, shelf: Path, tmp_path: Path) -> None:
    outside = tmp_path / "audio" / "evil.txt"
    (shelf / "absolute.zip").write_bytes(zipped({str(outside): b"evil", "//audio/evil.txt": b"evil", **AS_ON_GITHUB}))
    download(tmp_path / "deep" / "esc50", f"{home}/absolute.zip", DIGEST)

    assert all(file.startswith("deep/esc50/") for file in files_in(tmp_path))


def test_what_is_there_already_is_not_fetched_again(home: str, tmp_path: Path) -> None:
    download(tmp_path / "esc50", f"{home}/master.zip", DIGEST)
    with pytest.raises(DatasetError, match="esc50 holds ESC-50 already; remove it to fetch it again"):
        download(tmp_path / "esc50", f"{home}/master.zip", DIGEST)


@pytest.mark.parametrize("occupied", ["thesis/chapter1.tex", "thesis"])
def test_what_is_somebody_elses_is_left_alone(tmp_path: Path, occupied: str) -> None:
    (tmp_path / occupied).parent.mkdir(exist_ok=True)
    (tmp_path / occupied).write_text("years of work")
    with pytest.raises(DatasetError, match="thesis is there already, and is not an empty folder"):
        download(tmp_path / "thesis", "http://127.0.0.1:9/never-asked.zip", DIGEST)
    assert (tmp_path / occupied).read_text() == "years of work"


@pytest.mark.dataset
def test_the_digest_is_that_of_the_official_files(esc50: Path) -> None:
    if not any((esc50 / "audio").glob("*.wav")):
        pytest.skip("EARSHOT_DATA names ESC-50 in another format than its official WAV")
    assert digest_of(esc50) == OFFICIAL
