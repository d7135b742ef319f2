"""A bundle: a folder with a manifest, graphs, weights and statistics, of which every byte is accounted for."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contract.errors import EarshotError
from contract.manifest import SCHEMA_MAJOR, SCHEMA_VERSION, File, Manifest

INPUT = "waveform"
OUTPUTS = ("logits", "embedding")
"""What every graph is asked, and what it answers."""

MANIFEST = "manifest.json"
FLOAT_GRAPH = "model.onnx"
INT8_GRAPH = "model.int8.onnx"
HALF_GRAPH = "model.fp16.onnx"
WEIGHTS = "weights.safetensors"
REFERENCE = "reference.npz"
CARD = "card.md"

_SHIPPED = Path(__file__).parent.parent / "bundles"
_NEEDED = (FLOAT_GRAPH, WEIGHTS, REFERENCE)
_LONGEST_VERSION = 20  # characters
_LARGEST_MANIFEST = 4 * 2**20  # bytes; a real one takes some 20 kB


class BundleError(EarshotError):
    """A bundle cannot be used; the message names it and what to do."""


@dataclass(frozen=True)
class Bundle:
    """A bundle whose manifest was read, and whose files were proven to be those that it names."""

    folder: Path
    manifest: Manifest

    def path(self, name: str) -> Path:
        """Where this file of the bundle lies."""
        if name not in self.manifest.files:
            raise BundleError(f"{self.folder} has no {name}; it has {', '.join(sorted(self.manifest.files))}")
        return self.folder / name


def find_bundle(name_or_folder: str) -> Path:
    """The folder of this name; else the shipped bundle that is called so."""
    folder = Path(name_or_folder)
    if folder.name == MANIFEST:
        folder = folder.parent
    if folder.is_dir():
        return folder
    shipped = _SHIPPED / name_or_folder
    if shipped.parent == _SHIPPED and shipped.is_dir():
        return shipped
    known = ", ".join(sorted(path.parent.name for path in _SHIPPED.glob(f"*/{MANIFEST}")))
    raise BundleError(f"no bundle {name_or_folder}: name a folder, or one of these: {known}")


def open_bundle(folder: Path) -> Bundle:
    """The bundle in this folder, every file of it checked by size and SHA-256."""
    bundle = Bundle(folder, read_manifest(folder))
    if missing := [name for name in _NEEDED if name not in bundle.manifest.files]:
        raise BundleError(f"{folder} is no whole bundle: its manifest names no {missing[0]}")
    if damage := find_damage(bundle):
        more = f" (and {len(damage) - 1} more)" if len(damage) > 1 else ""
        raise BundleError(f"{folder} is damaged: {damage[0]}{more}; copy or export it anew")
    return bundle


def read_manifest(folder: Path) -> Manifest:
    """What the bundle in this folder says of itself; its files are not looked at."""
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(f"{folder} is no bundle: it has no {MANIFEST}")
    if path.stat().st_size > _LARGEST_MANIFEST:
        raise BundleError(f"{path} is no manifest: it is {path.stat().st_size:,} bytes long")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is damaged: it is not JSON") from error
    _require_known_schema(path, content)
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise BundleError(f"{path} is damaged: {_problems(error)}") from error


def find_damage(bundle: Bundle) -> list[str]:
    """One sentence for each file that is missing or is not the one that was exported."""
    sentences = (_damage(bundle.folder / name, facts) for name, facts in sorted(bundle.manifest.files.items()))
    return [sentence for sentence in sentences if sentence]


def fingerprint(path: Path) -> File:
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return File(sha256=digest, bytes=path.stat().st_size)


def _damage(path: Path, wanted: File) -> str | None:
    if not path.is_file():
        return f"{path.name} is missing"
    size = path.stat().st_size
    if size != wanted.bytes:
        return f"{path.name} is {size:,} bytes long instead of {wanted.bytes:,}"
    if fingerprint(path).sha256 != wanted.sha256:
        return f"{path.name} was changed: its SHA-256 is not the one in the manifest"
    return None


def _require_known_schema(path: Path, content: object) -> None:
    version = content.get("schema_version") if isinstance(content, dict) else None
    major = str(version).partition(".")[0]
    if not isinstance(version, str) or not major.isdecimal() or len(version) > _LONGEST_VERSION:
        raise BundleError(f"{path} is no manifest of a bundle: it names no schema_version")
    if int(major) != SCHEMA_MAJOR:
        raise BundleError(
            f"{path} has schema {version}, this version of Earshot reads {SCHEMA_VERSION}: "
            f"{'update Earshot' if int(major) > SCHEMA_MAJOR else 'export the model anew'}"
        )


def _problems(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "manifest"
    return f"{where}: {first['msg']}"
