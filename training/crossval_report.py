"""The report of a cross-validation: figures as JSON for programs, a page with tables and pictures for people."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from matplotlib.figure import Figure

from contract.files import replacing
from training.crossval import CrossValidation
from training.evaluation import Predictions, class_reports
from training.pictures import MOST_CLASSES, confusion_picture, curves_picture
from training.tensorboard import held_out_curve

REPORT_FILE = "report.json"
PAGE_FILE = "report.md"
_CURVES = "curves.png"
_CONFUSION = "confusion.png"
_HOW = (
    "Each fold is answered by a model that has not heard it: the moving average of the weights after the last of "
    "{epochs} epochs, seed {seed}. The mean is that of the folds, ± the standard deviation between them."
)

_TAUGHT = "Each has learned from teachers too, which had not heard its fold either; minutes are without theirs."


def write_report(result: CrossValidation, folder: Path) -> None:
    """Write all of it beside the runs."""
    pictures = _pictures(result, folder)
    for name, figure in pictures.items():
        _draw(folder / name, figure)
    _write(folder / REPORT_FILE, json.dumps(_figures(result), indent=2) + "\n")
    _write(folder / PAGE_FILE, _page(result, pictures))


def _pictures(result: CrossValidation, folder: Path) -> dict[str, Figure]:
    """Curves where the runs kept a log, the confusion of all folds where it can be read."""
    pictures = {}
    curves = {fold.fold: held_out_curve(folder / f"fold{fold.fold}") for fold in result.folds}
    if drawn := {fold: curve for fold, curve in curves.items() if curve}:
        pictures[_CURVES] = curves_picture(drawn)
    if len(result.labels) <= MOST_CLASSES:
        confusion = result.predictions.confusion(len(result.labels))
        pictures[_CONFUSION] = confusion_picture(confusion, result.labels)
    return pictures


def _figures(result: CrossValidation) -> dict[str, object]:
    return {
        "recipe": result.recipe.model_dump(mode="json"),
        "dataset": result.dataset,
        "commits": _commits(result),
        "machine": result.machine,
        "seed": result.recipe.loop.seed,
        "teachers": {str(fold.fold): fold.facts.teachers for fold in result.folds},
        "minutes": {str(fold.fold): fold.facts.minutes for fold in result.folds},
        "accuracy": {str(fold): accuracy for fold, accuracy in result.accuracy.items()},
        "mean": result.mean,
        "deviation": result.deviation,
        "classes": [asdict(report) for report in class_reports(result.predictions, result.labels)],
    }


def _page(result: CrossValidation, pictures: Collection[str]) -> str:
    parts = [
        f"# {result.recipe.name}: cross-validation on {result.dataset}",
        _how(result),
        f"Source {', '.join(_commits(result))}; {result.machine}.",
        _folds(result),
        f"![Held-out accuracy and loss]({_CURVES})" if _CURVES in pictures else "",
        "## Classes, the weakest first",
        _classes(result),
        f"![Confusion of all classes]({_CONFUSION})" if _CONFUSION in pictures else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _how(result: CrossValidation) -> str:
    loop = result.recipe.loop
    how = _HOW.format(epochs=loop.epochs, seed=loop.seed)
    return f"{how} {_TAUGHT}" if all(fold.facts.teachers for fold in result.folds) else how


def _commits(result: CrossValidation) -> list[str]:
    return sorted({fold.facts.commit for fold in result.folds})


def _folds(result: CrossValidation) -> str:
    rows = [
        _fold(str(fold.fold), fold.predictions, _percent(fold.predictions.accuracy), fold.facts.minutes)
        for fold in result.folds
    ]
    known = [fold.facts.minutes for fold in result.folds if fold.facts.minutes is not None]
    mean = f"**{100 * result.mean:.2f} ± {100 * result.deviation:.2f} %**"
    total = _fold("all", result.predictions, mean, sum(known) if len(known) == len(result.folds) else None)
    return _table(("fold", "windows", "accuracy", "loss", "minutes"), [*rows, total])


def _fold(name: str, answers: Predictions, accuracy: str, minutes: float | None) -> tuple[str, ...]:
    took = "–" if minutes is None else f"{minutes:.1f}"
    return name, str(len(answers.labels)), accuracy, f"{answers.loss:.3f}", took


def _classes(result: CrossValidation) -> str:
    rows = [
        (
            report.label.replace("_", " "),
            str(report.support),
            _percent(report.recall),
            _percent(report.precision),
            f"{report.f1:.3f}",
            report.mistaken_for.replace("_", " "),
        )
        for report in class_reports(result.predictions, result.labels)
        if report.support
    ]
    return _table(("class", "windows", "recall", "precision", "F1", "mostly taken for"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _write(path: Path, text: str) -> None:
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _draw(path: Path, figure: Figure) -> None:
    with replacing(path) as aside:
        figure.savefig(aside, format="png")
