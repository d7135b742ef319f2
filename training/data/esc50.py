"""ESC-50 from its home: fetched, checked, unpacked into its official layout."""

import csv
import hashlib
import shutil
import ssl
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from http.client import HTTPException
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import IO

from training.data.dataset import DatasetError
from training.data.progress import Progress, silent

HOME = "https://github.com/karolpiczak/ESC-50/archive/refs/heads/master.zip"
"""Karol J. Piczak's own repository; CC BY-NC, its ESC-10 subset CC BY. About 600 MB."""

DIGEST = "ee1dfdc65a902be60c0e1d2163c6f9725248fb9d2f642839226795b2f8725698"
"""Of the 2000 official WAV files and what the table says of each: see `digest_of`."""

_BLOCK = 1 << 20
_TIMEOUT_S = 30
_WANTED = ("audio/", "meta/esc50.csv", "LICENSE", "README.md")


def download(
    target: Path,
    url: str = HOME,
    digest: str = DIGEST,
    progress: Progress = silent,
) -> None:
    """Fetch the data set into `target`, and let it appear there only once it is whole and proven right."""
    target = target.resolve()
    if (target / "meta" / "esc50.csv").is_file():
        raise DatasetError(f"{target} holds ESC-50 already; remove it to fetch it again")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DatasetError(f"{target} is there already, and is not an empty folder; name another one")
    target.parent.mkdir(parents=True, exist_ok=True)
    archive = target.with_name(target.name + ".zip.partial")
    aside = target.with_name(target.name + ".partial")
    try:
        _fetch(url, archive, progress)
        shutil.rmtree(aside, ignore_errors=True)
        _unpack(archive, aside, url)
        _check(aside, digest, url)
        aside.replace(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        archive.unlink(missing_ok=True)


def digest_of(folder: Path) -> str:
    """SHA-256 over one line for each clip, by name: `name fold target category md5`."""
    with (folder / "meta" / "esc50.csv").open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=itemgetter("filename"))
    columns = itemgetter("filename", "fold", "target", "category")
    lines = (f"{' '.join(columns(row))} {_md5(folder / 'audio' / row['filename'])}\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _fetch(url: str, archive: Path, progress: Progress) -> None:
    """From the beginning at every try: its home cannot continue a broken transfer."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, archive.open("wb") as file:  # noqa: S310
            total = int(answer.headers.get("Content-Length") or 0)
            _copy(answer, file, lambda done: progress(done, total))
    except (urllib.error.URLError, TimeoutError, ConnectionError, ssl.SSLError, HTTPException) as error:
        raise DatasetError(
            f"cannot fetch {url}: {getattr(error, 'reason', error)}. "
            f"Fetch it by other means and give its folder as --data: it holds meta/esc50.csv and audio/"
        ) from error


def _copy(source: IO[bytes], sink: IO[bytes], progress: Callable[[int], None]) -> None:
    done = 0
    while block := source.read(_BLOCK):
        sink.write(block)
        done += len(block)
        progress(done)


def _unpack(archive: Path, target: Path, url: str) -> None:
    """Only what is needed, only to where it belongs: names in the archive choose nothing else."""
    try:
        with zipfile.ZipFile(archive) as content:
            for entry in content.infolist():
                inside = PurePosixPath(*PurePosixPath(entry.filename).parts[1:])
                if entry.is_dir() or not str(inside).startswith(_WANTED) or ".." in inside.parts:
                    continue
                path = target / inside
                path.parent.mkdir(parents=True, exist_ok=True)
                with content.open(entry) as source, path.open("wb") as sink:
                    shutil.copyfileobj(source, sink, _BLOCK)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DatasetError(f"what {url} sent is not a whole ZIP archive ({error}): run the command again") from error


def _check(unpacked: Path, expected: str, url: str) -> None:
    if not ((unpacked / "audio").is_dir() and (unpacked / "meta" / "esc50.csv").is_file()):
        raise DatasetError(f"{url} holds no audio/ and meta/esc50.csv: it is not ESC-50")
    try:
        found = digest_of(unpacked)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{url}: its table and its audio do not fit together ({error!r})") from error
    if found != expected:
        raise DatasetError(f"{url}: audio or table is not that of ESC-50 (SHA-256 {found}, expected {expected})")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
