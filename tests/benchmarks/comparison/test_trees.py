"""Trees beside each other: commits and the files as they are, gone without a trace at the end."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.comparison.trees import Tree, agreed, checked_out, commit_of
from contract.errors import EarshotError


def git(repository: Path, *words: str) -> str:
    own = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    command = ["git", "-C", str(repository), *own, *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits, and files that belong to neither."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / ".gitignore").write_text("*.log\n", encoding="utf-8")
    for words in ("first", "second"):
        (folder / "a.txt").write_text(words, encoding="utf-8")
        (folder / "gone.txt").write_text(words, encoding="utf-8")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", words)
    (folder / "a.txt").write_text("changed", encoding="utf-8")
    (folder / "new.txt").write_text("new", encoding="utf-8")
    (folder / "noise.log").write_text("ignored", encoding="utf-8")
    (folder / "gone.txt").unlink()
    return folder


def test_git_decides_what_a_commit_is(repository: Path, tmp_path: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD~1")
    assert commit_of("HEAD~1", repository) == commit_of(commit[:8], repository) == commit
    assert commit_of("nonsense", repository) is None
    assert commit_of("--help", repository) is None
    assert commit_of("HEAD", tmp_path) is None  # no repository at all


@pytest.mark.parametrize("word", [".", "working-tree"])
def test_a_commit_lies_beside_the_files_as_they_are(repository: Path, word: str) -> None:
    with checked_out(("HEAD~1", word), repository) as (first, changed):
        assert first.name.startswith("HEAD~1 (")
        assert (first.folder / "a.txt").read_text(encoding="utf-8") == "first"
        assert (changed.folder / "a.txt").read_text(encoding="utf-8") == "changed"
        names = {path.name for path in changed.folder.iterdir()}
        assert names == {".gitignore", "a.txt", "new.txt"}
        (repository / "a.txt").write_text("edited meanwhile", encoding="utf-8")
        assert (changed.folder / "a.txt").read_text(encoding="utf-8") == "changed"
    assert not first.folder.exists()
    assert not changed.folder.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_nothing_is_left_where_it_was_interrupted(repository: Path) -> None:
    with pytest.raises(KeyboardInterrupt), checked_out(("HEAD~1", "HEAD"), repository) as (first, _):
        raise KeyboardInterrupt
    assert not first.folder.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_where_there_is_no_repository_it_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(EarshotError, match="could not be checked out: fatal: not a git repository"),
        checked_out((".", "."), tmp_path),
    ):
        pass


def tree(folder: Path, name: str, program: str) -> Tree:
    (folder / name).mkdir()
    (folder / name / "cli.py").write_text(program, encoding="utf-8")
    return Tree(name, folder / name)


def test_flags_that_one_does_not_know_are_left_out_for_both(tmp_path: Path) -> None:
    old = tree(tmp_path, "old", "print('--model PATH --port N --max-queue N')")
    new = tree(tmp_path, "new", "print('--model PATH --port N --max-queue N --replicas N --log/--no-log')")
    flags = ["--model", "x.onnx", "--replicas", "2", "--max-queue=64", "--no-log"]
    assert agreed(flags, ["--model"], [old, new]) == (
        ["--model", "x.onnx", "--max-queue=64"],
        ["--replicas", "2", "--no-log"],
    )
    assert agreed(flags, ["--model"], [new, new]) == (flags, [])


def test_a_model_that_one_cannot_run_is_refused(tmp_path: Path) -> None:
    old = tree(tmp_path, "old", "print('--bundle TEXT')")
    with pytest.raises(EarshotError, match="old: its service has no --model, so it cannot run that model"):
        agreed(["--model", "x.onnx"], ["--model"], [old, old])


def test_a_tree_without_a_service_is_named_with_its_last_words(tmp_path: Path) -> None:
    broken = tree(tmp_path, "broken", "import sys; sys.exit('╭─ Error ─╮\\n│ No such command. │\\n╰─────────╯')")
    with pytest.raises(EarshotError, match=r"^broken: its service does not start: No such command\.$"):
        agreed(["--port", "1"], [], [broken])
