"""Puts a bundle into its folder: all of it, or nothing."""

import json
from pathlib import Path

import onnx

from contract.bundle import CARD, MANIFEST, REFERENCE, WEIGHTS, Bundle, fingerprint, open_bundle
from contract.files import replacing_folder
from contract.manifest import File, Manifest
from export.card import ATTRIBUTION, model_card
from export.findings import Findings
from export.graph import taking_pcm16, with_metadata
from export.terms import Terms
from training.checkpoint import save_model
from training.evaluation import class_reports


def write_bundle(
    folder: Path, name: str, version: str, findings: Findings, terms: Terms, pcm16: bool = False
) -> Bundle:
    """Write every file and the manifest that accounts for them, and read them back before they take their place."""
    with replacing_folder(folder) as aside:
        _write_graphs(aside, name, version, findings, terms, pcm16)
        save_model(aside / WEIGHTS, findings.own.model, findings.own.facts, half=True)
        findings.reference.save(aside / REFERENCE)
        if terms.attribution:
            (aside / ATTRIBUTION).write_text(_attribution(name, terms), encoding="utf-8")
        manifest = findings.manifest(name, version, terms.license, _files(aside))
        reports = class_reports(findings.verdict.answers, manifest.labels)
        (aside / CARD).write_text(model_card(manifest, reports, terms.sources), encoding="utf-8")
        whole = manifest.model_copy(update={"files": _files(aside)})
        (aside / MANIFEST).write_text(_json(whole), encoding="utf-8")
        open_bundle(aside)
    return Bundle(folder, whole)


def _write_graphs(aside: Path, name: str, version: str, findings: Findings, terms: Terms, pcm16: bool) -> None:
    facts = findings.own.facts
    told = {
        "name": name,
        "version": version,
        "labels": json.dumps(facts.labels),
        "sample_rate": str(facts.recipe.audio.sample_rate),
        "window_samples": str(facts.recipe.audio.window_samples),
        "temperature": str(findings.calibrated.temperature),
        "license": terms.license.name,
        "source": facts.commit,
    }
    for file, graph in findings.graphs.items():
        onnx.save_model(with_metadata(graph, told), aside / file)
        if pcm16:
            variant = aside / file.replace(".onnx", ".pcm16.onnx")
            onnx.save_model(with_metadata(taking_pcm16(graph), told), variant)


def _files(folder: Path) -> dict[str, File]:
    return {path.name: fingerprint(path) for path in sorted(folder.iterdir())}


def _json(manifest: Manifest) -> str:
    return json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def _attribution(name: str, terms: Terms) -> str:
    lines = "\n".join(f"- {line}" for line in terms.attribution)
    return f"# Sounds that {name} has learned from\n\n{terms.license.attribution}.\n\n{lines}\n"
