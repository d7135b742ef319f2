"""Tables at the end of a command: accuracy, classes, folds, quality of data, recipes."""

import json
import math
from collections.abc import Sequence

import torch
from rich.table import Table
from rich.text import Text

from training.checkpoint import MODEL_FILE, ModelFacts
from training.console import console, note
from training.crossval import CrossValidation
from training.data.quality import ClipFacts, QualityReport
from training.evaluation import ClassReport, Predictions, class_reports
from training.loop import Run
from training.material import Material
from training.provenance import machine
from training.recipe import Recipe, described_fields
from training.throughput import Throughput

_NAMES_SHOWN = 5
_CONFIDENCE = 1.96  # standard deviations that hold 95 % of a normal distribution


def show_finish(facts: ModelFacts, run: Run) -> None:
    """What a run came to."""
    table = Table(title=f"{facts.recipe.name}, seed {facts.recipe.loop.seed}", show_header=False)
    if facts.metrics:
        count = len(run.material.held_out)
        table.add_row(
            f"fold {_folds(facts.held_out_folds)} held out", accuracy_words(facts.metrics["accuracy"], count)
        )
    else:
        table.add_row("held out", "nothing: accuracy is known from cross-validation only")
    table.add_row(
        "learned", f"{facts.epochs:g} epochs of {len(run.material.train)} windows in {facts.minutes:.1f} min"
    )
    table.add_row("on", f"{machine(run.device)}, {run.precision}, commit {facts.commit}")
    table.add_row("model", str(run.folder / MODEL_FILE))
    console.print(table)


def show_evaluation(answers: Predictions, facts: ModelFacts, material: Material, per_class: bool) -> None:
    """Accuracy on these folds, and whether it may be believed."""
    if per_class:
        console.print(classes_table(class_reports(answers, facts.labels), "the weakest first"))
    folds = material.held_out_folds
    if learned := sorted(set(folds) - set(facts.held_out_folds) - set(facts.validation_folds)):
        note(f"the model has learned from fold {_folds(learned)}: this says nothing of new sounds")
    elif folds == facts.held_out_folds and facts.split and facts.split != material.fingerprint():
        note("these are not the clips that the model was split on: it may have learned from some of them")
    words = accuracy_words(answers.accuracy, len(answers.labels))
    console.print(f"fold {_folds(folds)}: accuracy {words}, loss {answers.loss:.4f}")


def accuracy_words(accuracy: float, count: int) -> str:
    """An accuracy with the interval that 95 % of such samples would cover."""
    low, high = _wilson(accuracy, count)
    return f"{100 * accuracy:.2f} % (95 % interval {100 * low:.1f} to {100 * high:.1f}, {count} windows)"


def classes_table(reports: list[ClassReport], title: str) -> Table:
    """Precision, recall and F1 of each class."""
    table = Table(title=title)
    for name in ("class", "windows", "precision", "recall", "F1", "mostly taken for"):
        table.add_column(name, justify="left" if name in {"class", "mostly taken for"} else "right")
    for report in (report for report in reports if report.support):
        figures = (f"{100 * value:.0f} %" for value in (report.precision, report.recall, report.f1))
        table.add_row(report.label, str(report.support), *figures, report.mistaken_for)
    return table


def show_throughput(figures: Throughput, device: torch.device) -> None:
    """Clips per second, and how far the pipeline is ahead."""
    table = Table("", "clips/s", title=f"medians on {machine(device)}")
    table.add_row("input pipeline alone", f"{figures.pipeline:.0f}")
    table.add_row("training", f"{figures.training:.0f}")
    table.add_section()
    table.add_row("pipeline ÷ training", f"{figures.headroom:.1f} ×")
    console.print(table)


def show_recipes(recipes: list[Recipe]) -> None:
    """One line each."""
    table = Table("recipe", "hears", "front end", "network", "epochs")
    for recipe in recipes:
        audio, front, model = recipe.audio, recipe.front_end, recipe.model
        table.add_row(
            recipe.name,
            f"{audio.seconds:g} s at {audio.sample_rate} Hz",
            f"{front.kind}, {front.bands} bands",
            f"widths {model.widths}, blocks {model.blocks}",
            str(recipe.loop.epochs),
        )
    console.print(table)


def show_recipe(recipe: Recipe) -> None:
    """The recipe in full, as a TOML file with every field in its dotted form, which is what `--set` takes."""
    for name, value, meaning in described_fields(recipe):
        line = f"{name} = {json.dumps(value)}" if value is not None else f"# {name} = …"
        console.print(Text.assemble(line, (f"  # {meaning}", "dim")), soft_wrap=True)


def show_crossval(result: CrossValidation) -> None:
    """Each class, each fold, and the mean."""
    console.print(classes_table(class_reports(result.predictions, result.labels), "all folds, the weakest first"))
    table = Table(title=f"{result.recipe.name}, seed {result.recipe.loop.seed}")
    table.add_column("fold held out", justify="right")
    table.add_column("accuracy", justify="right")
    for fold, accuracy in result.accuracy.items():
        table.add_row(str(fold), f"{100 * accuracy:.2f} %")
    table.add_section()
    table.add_row("mean ± std", f"{100 * result.mean:.2f} ± {100 * result.deviation:.2f} %")
    console.print(table)


def show_quality(report: QualityReport) -> None:
    """What stands out in a data set."""
    table = Table("", "smallest", "median", "largest", title=f"{len(report.readable)} clips")
    for name, unit in (("seconds", "s"), ("level_db", "dB"), ("peak_db", "dB")):
        table.add_row(name.removesuffix("_db"), *(f"{value:.2f} {unit}" for value in report.spread(name)))
    console.print(table)
    for name in ("sample_rate", "channels"):
        counts = ", ".join(f"{value} × {count}" for value, count in report.count(name))
        console.print(f"{name.replace('_', ' ')}: {counts}")
    _findings("mostly silent", report.mostly_silent)
    _findings("clipped", report.clipped)
    for twins in report.twins:
        console.print(f"same sound: {', '.join(clip.file for clip in twins)}")
    for clip in report.unreadable:
        console.print(Text.assemble(("unreadable ", "red"), f"{clip.file}: {clip.problem}"), soft_wrap=True)


def _findings(what: str, clips: list[ClipFacts]) -> None:
    names = ", ".join(clip.file for clip in clips[:_NAMES_SHOWN])
    more = f" and {len(clips) - _NAMES_SHOWN} more" if len(clips) > _NAMES_SHOWN else ""
    console.print(f"{what}: {len(clips)}" + (f" ({names}{more})" if clips else ""))


def _wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's interval: honest near 0 and 1, where the usual one leaves the scale."""
    z2 = _CONFIDENCE**2 / count
    centre = (share + z2 / 2) / (1 + z2)
    half = _CONFIDENCE * math.sqrt(share * (1 - share) / count + z2 / (4 * count)) / (1 + z2)
    return centre - half, centre + half


def _folds(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
