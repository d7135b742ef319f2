"""Files and folders that appear whole or not at all, and where caches lie."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOTDIR
from pathlib import Path
from secrets import token_hex


def cache_folder() -> Path:
    """Where what can be made again is kept: EARSHOT_CACHE, or `earshot` among the user's caches."""
    if own := os.environ.get("EARSHOT_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "earshot"


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A file aside, to be written; it takes the place of `file` once all went well, and is gone otherwise."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f"{file.name}.{token_hex(4)}.partial")
    try:
        yield aside
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """The same for a folder: one that stood there before is gone only once the new one is whole."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise NotADirectoryError(ENOTDIR, "is there and is no folder", str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = token_hex(4)
    aside, before = folder.with_name(f".{folder.name}.{mark}.partial"), folder.with_name(f".{folder.name}.{mark}.old")
    aside.mkdir()
    try:
        yield aside
        if folder.exists():
            folder.rename(before)
        aside.rename(folder)
    finally:
        if before.exists() and not folder.exists():
            before.rename(folder)
        shutil.rmtree(before, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)
