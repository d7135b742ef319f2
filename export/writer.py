"""Puts a bundle into its folder: all of it, or nothing."""

import json
from pathlib import Path

import onnx

from contract.bundle import CARD, MANIFEST, REFERENCE, WEIGHTS, Bundle, fingerprint, open_bundle
from contract.errors import EarshotError
from contract.files import replacing_folder
from contract.manifest import File, Manifest, metadata_of
from export.card import ATTRIBUTION, model_card
from export.findings import Findings
from export.graph import with_metadata
from export.terms import Terms
from export.testimony import Graphs
from training.checkpoint import save_model
from training.evaluation import class_reports


def write_bundle(
    folder: Path, name: str, version: str, graphs: Graphs, findings: Findings, terms: Terms, replace: bool
) -> Bundle:
    """Write every file and the manifest that accounts for them, and read them back before they take their place."""
    with replacing_folder(folder) as aside:
        manifest = findings.manifest(name, version, terms.license)
        _write_graphs(aside, graphs, metadata_of(manifest))
        save_model(aside / WEIGHTS, findings.own.model, findings.own.facts, half=True)
        findings.reference.save(aside / REFERENCE)
        if terms.attribution:
            (aside / ATTRIBUTION).write_text(_attribution(name, terms), encoding="utf-8")
        reports = class_reports(findings.verdict.answers, manifest.labels)
        (aside / CARD).write_text(model_card(manifest, reports, terms.sources), encoding="utf-8")
        whole = manifest.model_copy(update={"files": _files(aside)})
        (aside / MANIFEST).write_text(_json(whole), encoding="utf-8")
        open_bundle(aside)
        require_place(folder, replace)
    return Bundle(folder, whole)


def require_place(folder: Path, replace: bool) -> None:
    """Only a bundle may be replaced, and only if that is asked; other work of a person is never removed."""
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() or not (folder / MANIFEST).is_file():
        raise EarshotError(f"{folder} is there and is no bundle: it will not be replaced; choose another --out")
    if not replace:
        raise EarshotError(f"{folder} is there already: choose another --out, or replace the bundle there by --force")


def _write_graphs(aside: Path, graphs: Graphs, told: dict[str, str]) -> None:
    for file, graph in graphs.items():
        onnx.save_model(with_metadata(graph, told), aside / file)


def _files(folder: Path) -> dict[str, File]:
    return {path.name: fingerprint(path) for path in sorted(folder.iterdir())}


def _json(manifest: Manifest) -> str:
    return json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def _attribution(name: str, terms: Terms) -> str:
    lines = "\n".join(f"- {clip}: {whom}" for clip, whom in terms.attribution.items())
    return f"# Sounds that {name} has learned from\n\n{terms.license.attribution}.\n\n{lines}\n"
