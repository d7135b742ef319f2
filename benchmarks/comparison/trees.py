"""Source trees to be run beside each other: a commit, checked out aside, or a copy of the files as they are."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.served import environment_of
from benchmarks.server import last_words
from contract.errors import EarshotError

WORKING = frozenset({".", "working-tree"})
"""Words for the files as they are."""


@dataclass(frozen=True)
class Tree:
    """One of two, in a folder that is gone at the end."""

    name: str
    """As it was asked for, with its commit."""
    folder: Path

    @property
    def program(self) -> Path:
        """The command `earshot` of this tree."""
        return self.folder / "cli.py"


def commit_of(word: str, repository: Path) -> str | None:
    """What git takes it for; None where that is no commit."""
    try:
        return _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}").strip()
    except subprocess.CalledProcessError:
        return None


@contextmanager
def checked_out(words: Sequence[str], repository: Path) -> Iterator[list[Tree]]:
    """Side by side on one disk, so that only their content differs, and so that editing can go on meanwhile."""
    with TemporaryDirectory(prefix="earshot-compare-") as aside:
        folders = [Path(aside) / letter for letter, _ in zip("ab", words, strict=True)]
        try:
            yield [_placed(word, repository, folder) for word, folder in zip(words, folders, strict=True)]
        finally:
            for folder in folders:
                _forget(repository, folder)


def agreed(flags: Sequence[str], needed: Iterable[str], trees: Sequence[Tree]) -> tuple[list[str], list[str]]:
    """The flags of `serve` that all of them know, with what follows each; and those that are left out."""
    if not flags:
        return [], []
    known = {tree.name: _known_flags(tree) for tree in trees}
    for flag, name in ((flag, name) for flag in needed for name, its in known.items() if flag not in its):
        raise EarshotError(f"{name}: its service has no {flag}, so it cannot run that model")
    everywhere = frozenset.intersection(*known.values())
    kept: list[str] = []
    left_out: list[str] = []
    place = kept
    for word in flags:
        if word.startswith("--"):
            place = kept if word.partition("=")[0] in everywhere else left_out
        place.append(word)
    return kept, left_out


def _known_flags(tree: Tree) -> frozenset[str]:
    """As its help shows them."""
    words = [sys.executable, str(tree.program), "serve", "--help"]
    wide = environment_of(tree.folder) | {"COLUMNS": "200", "TERM": "dumb"}
    shown = subprocess.run(words, env=wide, capture_output=True, text=True, check=False)  # noqa: S603
    if shown.returncode:
        raise EarshotError(f"{tree.name}: its service does not start: {last_words(shown.stderr)}")
    return frozenset(re.findall(r"--[a-z][a-z0-9-]*", shown.stdout))


def _placed(word: str, repository: Path, folder: Path) -> Tree:
    try:
        if word in WORKING:
            _copy(repository, folder)
            return Tree("the files as they are", folder)
        commit = commit_of(word, repository) or word
        add = ("worktree", "add", "--quiet", "--detach", str(folder), commit)
        _git(repository, "-c", "core.hooksPath=/dev/null", *add)
        return Tree(commit[:12] if commit.startswith(word) else f"{word} ({commit[:12]})", folder)
    except subprocess.CalledProcessError as error:
        raise EarshotError(f"{word} could not be checked out: {last_words(error.stderr)}") from error


def _copy(repository: Path, folder: Path) -> None:
    """Of all files that git follows or would follow."""
    names = _git(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        source, target = repository / name, folder / name
        if source.is_symlink() or source.is_file():  # one that was deleted is still listed
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def _forget(repository: Path, folder: Path) -> None:
    """Of a checkout, git keeps a note; of a copy it knows nothing."""
    with suppress(subprocess.CalledProcessError):
        _git(repository, "worktree", "remove", "--force", "--force", str(folder))


def _git(repository: Path, *words: str) -> str:
    command = ["git", "-C", str(repository), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    except FileNotFoundError as error:
        raise EarshotError("commits are compared by git, which is not installed") from error
