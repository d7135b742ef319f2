"""Engines that were built on this machine, kept outside the bundle so that the next start need not build them again.

A file is a magic number, the length of a header, the header as JSON, and the plan. The header says all that decides
whether the plan may be used: the library, the GPU, the model it was built from. What does not fit, or was damaged or
cut short, is never loaded but built anew. A checksum proves a file whole, not harmless: a plan is machine code, so
files, and the folder that is made for them, are open to their owner only.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import EarshotError
from contract.files import cache_folder, replacing

_MAGIC = b"EARSHOT\x1a"  # the last one ends a text, for whoever prints the file
_LENGTH = struct.Struct("<I")
_LONGEST_HEADER = 1 << 16
_NAME_DIGITS = 16

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Note = Callable[[str], None]
"""Where a person, or a log, is told why a kept engine was not used or a new one not kept."""


class EngineFileError(EarshotError):
    """A kept engine must not be loaded; the message says why."""


@dataclass(frozen=True)
class Profile:
    """Batch sizes that an engine takes, and the one that it is fastest with."""

    smallest: int
    best: int
    largest: int

    def __post_init__(self) -> None:
        """TensorRT itself would take a profile that begins at an empty batch."""
        if not 1 <= self.smallest <= self.best <= self.largest:
            raise EarshotError(
                f"batch sizes {self.smallest}, {self.best}, {self.largest}: they must rise from 1 or stay as they are"
            )


class EngineKey(BaseModel):
    """All that decides whether an engine fits; two engines with the same key may stand in for each other."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    library: Literal["tensorrt", "tensorrt_rtx"]
    library_version: str = Field(min_length=1)
    architecture: str = Field(pattern=r"^(sm\d{2,3}|portable)$")
    """What the engine was built for, as sm86; portable where it was built for several."""
    gpu: str
    """Name of the GPU whose timings chose the kernels; empty where none was there."""
    model_sha256: Sha256
    """Of the ONNX model."""
    profiles: tuple[Profile, ...] = Field(min_length=1)
    settings: int = Field(ge=1)
    """Version of the builder's own settings."""

    @property
    def file_name(self) -> str:
        """Another name for whatever differs, so that engines of several models and GPUs lie side by side."""
        digest = hashlib.sha256(self.model_dump_json().encode()).hexdigest()
        return f"{self.library}-{self.architecture}-{digest[:_NAME_DIGITS]}.engine"


class EngineHeader(BaseModel):
    """What a file says of the plan in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    key: EngineKey
    plan_sha256: Sha256


@dataclass(frozen=True)
class ReadyEngine:
    """An engine that may be loaded."""

    plan: bytes
    path: Path
    """Where it is kept, or was to be kept."""
    kept: bool
    """Whether the next start finds it there."""


def engine_folder() -> Path:
    """Where engines are kept unless told otherwise: `engines` in EARSHOT_CACHE, or in ~/.cache/earshot."""
    return cache_folder() / "engines"


def engine_for(key: EngineKey, folder: Path, build: Callable[[], bytes], note: Note = lambda _: None) -> ReadyEngine:
    """The engine that was kept under this key, or a new one, kept for the next time.

    Several processes may ask at once: each builds, and the file is whole at every moment.
    """
    path = folder / key.file_name
    if (kept := load_plan(path, key, note)) is not None:
        return ReadyEngine(kept, path, kept=True)
    plan = build()
    try:
        save_plan(path, key, plan)
    except OSError as error:  # a full or read-only disk costs time at the next start, not the service
        note(f"{path}: the engine cannot be kept ({error.strerror}), it will be built again")
        return ReadyEngine(plan, path, kept=False)
    return ReadyEngine(plan, path, kept=True)


def load_plan(path: Path, key: EngineKey, note: Note = lambda _: None) -> bytes | None:
    """The plan in this file if it is whole and was built for this key; None if one must be built."""
    try:
        return read_plan(path, key)
    except FileNotFoundError:
        return None
    except OSError as error:
        note(f"{path}: the engine kept there cannot be read ({error.strerror})")
    except EngineFileError as error:
        note(str(error))
    return None


def read_plan(path: Path, key: EngineKey) -> bytes:
    """The plan in this file; an error where it is damaged, cut short, or was built for another key."""
    content = memoryview(path.read_bytes())
    header, plan = _parted(path, content)
    if header.key != key:
        raise EngineFileError(
            f"{path}: the engine kept there was built for something else ({_differing(header, key)})"
        )
    if hashlib.sha256(plan).hexdigest() != header.plan_sha256:
        raise EngineFileError(f"{path}: the engine kept there is damaged or cut short")
    return bytes(plan)


def save_plan(path: Path, key: EngineKey, plan: bytes) -> None:
    """Write header and plan."""
    header = _encoded(EngineHeader(key=key, plan_sha256=hashlib.sha256(plan).hexdigest()))
    write_privately(path, b"".join((_MAGIC, _LENGTH.pack(len(header)), header, plan)))


def write_privately(path: Path, content: bytes) -> None:
    """Write a file for its owner only, into a folder that is made so too; it appears whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replacing(path) as aside:
        aside.touch(mode=0o600, exist_ok=False)
        aside.write_bytes(content)


def _parted(path: Path, content: memoryview) -> tuple[EngineHeader, memoryview]:
    start = len(_MAGIC) + _LENGTH.size
    if content[: len(_MAGIC)] != _MAGIC or len(content) < start:
        raise EngineFileError(f"{path}: no engine is kept there, but something else")
    (length,) = _LENGTH.unpack(content[len(_MAGIC) : start])
    raw = bytes(content[start : start + min(length, _LONGEST_HEADER)])
    try:
        header = EngineHeader.model_validate_json(raw)
    except ValidationError as error:
        raise EngineFileError(
            f"{path}: the header of the engine kept there is damaged or of another version"
        ) from error
    if _encoded(header) != raw:  # JSON has several spellings; ours is one, so that no changed byte goes unseen
        raise EngineFileError(f"{path}: the engine kept there has a damaged header")
    return header, content[start + length :]


def _encoded(header: EngineHeader) -> bytes:
    return header.model_dump_json().encode()


def _differing(header: EngineHeader, key: EngineKey) -> str:
    there, asked = header.key.model_dump(), key.model_dump()
    return ", ".join(f"{name} {there[name]} instead of {asked[name]}" for name in asked if there[name] != asked[name])
