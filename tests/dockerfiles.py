"""Reads Dockerfiles as far as ours go, so that tests can hold them to the project where no engine can build them."""

import json
import re
import shutil
import subprocess
from fnmatch import fnmatch
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).parent.parent


class Instruction(NamedTuple):
    """One line of a Dockerfile, its continuations joined."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Of the exec form, or as they stand; without flags such as --from."""
        if self.text.startswith("["):
            words: list[str] = json.loads(self.text)
            return words
        return [word for word in self.text.split() if not word.startswith("--")]

    @property
    def source_stage(self) -> str | None:
        """Of a COPY --from."""
        found = re.search(r"--from=(\S+)", self.text)
        return found[1] if found else None


class Stage(NamedTuple):
    """From one FROM to the next."""

    base: str
    name: str
    instructions: list[Instruction]

    def all(self, name: str) -> list[Instruction]:
        """Those of this name."""
        return [each for each in self.instructions if each.name == name]

    def only(self, name: str) -> Instruction:
        """The one of this name."""
        (found,) = self.all(name)
        return found

    @property
    def env(self) -> dict[str, str]:
        """What ENV sets."""
        return dict(word.split("=", 1) for each in self.all("ENV") for word in each.words)


def parse(path: Path) -> list[Stage]:
    """The stages of a Dockerfile."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        name, _, text = line.strip().partition(" ")
        if name == "FROM":
            base, *alias = text.split()
            stages.append(Stage(base, alias[1] if alias else "", []))
        else:
            stages[-1].instructions.append(Instruction(name, text.strip()))
    return stages


@cache
def kept_by_git() -> tuple[str, ...]:
    """Every file that is in the repository, or will be with the next commit."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return tuple(sorted(name for name in set(names) if (ROOT / name).is_file()))


def is_sent(name: str) -> bool:
    """Whether .dockerignore lets this file through: the last line that fits it, or a folder above, decides."""
    path, sent = PurePosixPath(name), True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and any(_fits(str(part), pattern) for part in (path, *path.parents)):
            sent = line.startswith("!")
    return sent


def lay_out(stages: list[Stage], folder: Path) -> Path:
    """Do what the COPY instructions do, below this folder; what the last stage gets of the project is returned."""
    for number, stage in enumerate(stages):
        root, here = folder / (stage.name or str(number)), PurePosixPath("/")
        for each in stage.instructions:
            if each.name == "WORKDIR":
                here /= each.words[0]
            elif each.name == "COPY":
                *sources, target = each.words
                goal = root / str(here / target).lstrip("/")
                for source in sources:
                    _copy(source, goal, folder / each.source_stage if each.source_stage else None)
    return folder / str(len(stages) - 1)


def sources_of(stages: list[Stage]) -> list[str]:
    """What is copied from the repository."""
    copies = [each for stage in stages for each in stage.all("COPY") if not each.source_stage]
    return [source for each in copies for source in each.words[:-1]]


def files_of(source: str) -> list[str]:
    """The files of the repository that a COPY of this means."""
    return [name for name in kept_by_git() if name == source or name.startswith(f"{source}/")]


def _copy(source: str, goal: Path, stage: Path | None) -> None:
    if stage is not None:
        if (origin := stage / source.lstrip("/")).exists():  # else something that RUN has made
            shutil.copytree(origin, goal, dirs_exist_ok=True)
        return
    for name in filter(is_sent, files_of(source)):
        inside = goal / (PurePosixPath(name).name if name == source else str(PurePosixPath(name).relative_to(source)))
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, inside)


def _fits(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch(PurePosixPath(path).name, pattern.removeprefix("**/"))
    return path.count("/") == pattern.count("/") and fnmatch(path, pattern)
