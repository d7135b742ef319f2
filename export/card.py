"""The model card: what a person should know before trusting a bundle, all of it from what was measured."""

from collections.abc import Iterable, Sequence

from contract.bundle import INPUT
from contract.manifest import Manifest
from training.evaluation import ClassReport
from training.tables import accuracy_words

ATTRIBUTION = "ATTRIBUTION.md"
_CLASSES_SHOWN = 5
_LAYERS_SHOWN = 5


def model_card(manifest: Manifest, classes: Sequence[ClassReport], sources: str) -> str:
    """The card as Markdown; `classes` come the weakest first."""
    parts = (
        _head(manifest),
        _accuracy(manifest, classes),
        _confidence(manifest),
        _parity(manifest),
        _speed(manifest),
        _sensitivity(manifest),
        _limits(manifest),
        _license(manifest, sources),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(manifest: Manifest) -> str:
    audio, front, model = manifest.audio, manifest.front_end, manifest.model
    seconds = audio.window_samples / audio.sample_rate
    pruned = f"; {model.pruned:.0%} of the arithmetic pruned away" if model.pruned else ""
    bands = f"{front.n_mels} mel bands" if front.n_mfcc is None else f"{front.n_mfcc} cepstral coefficients"
    rows = (
        ("hears", f"mono, {audio.sample_rate} Hz, {seconds:g} s at once ({audio.window_samples} samples, ±1)"),
        ("says", f"{len(manifest.labels)} classes: {', '.join(manifest.labels)}"),
        ("front end", f"{bands}, {front.fmin:g} to {front.fmax:g} Hz, frames of {front.n_fft} every {front.hop}"),
        (
            "network",
            f"{model.parameters / 1e6:.2f} M parameters, {model.multiply_accumulates / 1e9:.3f} GMAC{pruned}",
        ),
        ("trained on", f"{_learned_from(manifest)}; source {manifest.trained_commit}"),
        ("exported", f"{manifest.created:%Y-%m-%d}, version {manifest.version}, source {manifest.commit}"),
    )
    what = "Names sounds: a waveform goes in, a score for each class comes out."
    return f"# {manifest.name}\n\n{what}\n\n{_table(('', ''), rows)}\n\n{_use(manifest)}"


def _use(manifest: Manifest) -> str:
    audio, calibration = manifest.audio, manifest.calibration
    return (
        f"**To use it**: any ONNX runtime; input `{INPUT}` [batch, {audio.window_samples}] float32 at "
        f"{audio.sample_rate} Hz, a shorter sound padded with zeros at its end; outputs `logits` [batch, "
        f"{len(manifest.labels)}] and `embedding` [batch, {manifest.model.embedding}]. Confidence is the softmax of "
        f"logits / {calibration.temperature:.3f}. Labels and these figures stand in the metadata of each graph. "
        "On a CPU take `model.int8.onnx` or `model.onnx`; `model.fp16.onnx` is for GPUs, and slow on a CPU."
    )


def _learned_from(manifest: Manifest) -> str:
    folds = f"without fold {', '.join(map(str, manifest.held_out_folds))}" if manifest.held_out_folds else "all folds"
    windows = f"{manifest.training_windows} windows of {manifest.dataset} with these classes, {folds}"
    if not manifest.teachers:
        return windows
    models = "an earlier model" if manifest.teachers == 1 else f"{manifest.teachers} earlier models"
    return f"{windows}, and what {models} said of them"


def _accuracy(manifest: Manifest, classes: Sequence[ClassReport]) -> str:
    summary = manifest.summary
    folds = _table(
        ("fold held out", "windows", "accuracy", "loss"),
        ((fold, m.windows, _percent(m.accuracy), f"{m.loss:.3f}") for fold, m in manifest.metrics.items()),
    )
    mean = f"**{_percent(summary.accuracy)}**"
    if len(manifest.metrics) > 1:
        mean += f" ± {100 * summary.deviation:.2f} (standard deviation between folds)"
    weakest = _table(
        ("weakest classes", "precision", "recall", "mostly taken for"),
        (
            (report.label, f"{report.precision:.0%}", f"{report.recall:.0%}", report.mistaken_for)
            for report in classes[:_CLASSES_SHOWN]
        ),
    )
    how = "Each fold is answered by a model of this recipe that has not heard it"
    how += "." if manifest.held_out_folds else "; these weights have heard all of them."
    if manifest.model.pruned:
        how += " Each was pruned and tuned in the same way; how wide their blocks are may differ."
    if summary.missing_folds:
        missing = ", ".join(map(str, summary.missing_folds))
        how += f" **Not judged: fold {missing}**, for want of a model that has not heard it."
    windows = sum(fold.windows for fold in manifest.metrics.values())
    pooled = sum(fold.windows * fold.accuracy for fold in manifest.metrics.values()) / windows
    return (
        f"## Accuracy\n\n{how} Mean: {mean}, seed {summary.seed}, last epoch. Over all: "
        f"{accuracy_words(pooled, windows)}.\n\n{folds}\n\n{weakest}"
    )


def _confidence(manifest: Manifest) -> str:
    summary, calibration, novelty = manifest.summary, manifest.calibration, manifest.novelty
    folds = ", ".join(map(str, calibration.folds))
    others = "the other folds" if len(calibration.folds) > 1 else "other parts of the fold"
    beyond = ", ".join(f"{100 * share:.1f}" for share in novelty.flagged.values())
    flagged = f"; beyond it, fold by fold: {beyond} %" if len(novelty.flagged) > 1 else ""
    reach = "" if calibration.is_reached else ", the best that could be reached"
    return (
        "## Confidence\n\n"
        f"Logits are divided by a temperature of {calibration.temperature:.3f}. Expected calibration error on "
        f"held-out sounds: {_percent(summary.ece)} before, {_percent(summary.ece_calibrated)} after (by a "
        f"temperature that was fitted to {others}).\n\n"
        f"Answers below a confidence of {calibration.reject_below:.3f} are called uncertain: above it "
        f"{_percent(calibration.precision)} are right (wanted: {_percent(calibration.precision_wanted)}{reach}), and "
        f"{_percent(calibration.coverage)} of the sounds are answered. Chosen and measured on {calibration.windows} "
        f"windows of fold {folds}.\n\n"
        f"A sound is called unlike the training data beyond a distance of {novelty.threshold:.3g} "
        f"({novelty.method}): {novelty.percentile:g} % of held-out sounds lie below{flagged}."
    )


def _parity(manifest: Manifest) -> str:
    if not manifest.parity:
        return ""
    rows = (
        (
            f"`{name}`",
            f"{p.max_delta:.2g}",
            f"{p.p999_delta:.2g}",
            _percent(p.agreement),
            f"{_percent(p.accuracy)} ({100 * (p.accuracy - p.accuracy_float):+.2f})",
            _percent(p.called_new),
        )
        for name, p in manifest.parity.items()
    )
    own = (
        (f"`{name}`", f"{p.own_max_delta:.2g}", _percent(p.own_agreement), f"{p.hostile_max_delta:.2g}")
        for name, p in manifest.parity.items()
    )
    first = next(iter(manifest.parity.values()))
    header = ("file", "largest Δ logit", "99.9 % of Δ", "same answer", "accuracy (points)", "called new")
    own_header = ("file", "largest Δ logit", "same answer", "largest Δ, hostile signals")
    return (
        "## Equal to the PyTorch model\n\n"
        f"On {first.windows} held-out windows of fold {', '.join(map(str, first.folds))}, each fold by the model "
        f"that has not heard it, taken through the same export:\n\n{_table(header, rows)}\n\n"
        f"These weights themselves, on {first.own_windows} windows that they have learned from, and on hostile "
        f"signals (steep noise, a tone over quiet noise, silence, clicks, a constant):\n\n{_table(own_header, own)}"
    )


def _speed(manifest: Manifest) -> str:
    rows = (
        (r.engine, f"{r.milliseconds:.2f}", f"{r.speedup:.2f} ×", "" if r.loading is None else f"{r.loading:.0f}")
        for r in manifest.speed.rows
    )
    return (
        "## Speed\n\n"
        "One window, from waveform to scores, batch 1, one thread; medians of "
        f"{manifest.speed.rounds} rounds in turn on {manifest.speed.machine}. Trust the ratios more than the "
        f"milliseconds.\n\n{_table(('engine', 'ms', 'faster', 'ms to load'), rows)}"
    )


def _sensitivity(manifest: Manifest) -> str:
    if not manifest.sensitivity:
        return ""
    worst = sorted(manifest.sensitivity, key=lambda layer: -layer.rms_delta)[:_LAYERS_SHOWN]
    rows = (
        (f"`{r.layer}`", f"{r.rms_delta:.3f}", f"{r.max_delta:.2f}", f"{r.changed} of {r.windows}") for r in worst
    )
    header = ("layer quantised alone", "rms Δ logit", "largest Δ", "answers changed")
    kept = f" Kept in float32: {', '.join(manifest.kept_float)}." if manifest.kept_float else ""
    return f"## What INT8 costs\n\nThe {len(worst)} layers that cost most.{kept}\n\n{_table(header, rows)}"


def _limits(manifest: Manifest) -> str:
    seconds = manifest.audio.window_samples / manifest.audio.sample_rate
    return (
        "## Limits\n\n"
        f"- It knows {len(manifest.labels)} classes and must choose one: look at `uncertain` and `novelty`.\n"
        f"- It hears {seconds:g} s at once; of a sound that is short beside that, silence is most of what it hears.\n"
        "- Trained on single sounds, cut and labelled by people: several at once, distance, and microphones unlike "
        "those of the training data cost accuracy that is not measured here.\n"
        "- `novelty` finds tones and near silence, a part of the speech, and hardly any noise: white noise may be "
        "called rain with great confidence. The level of a sound tells silence best.\n"
        "- Not for decisions on which safety depends."
    )


def _license(manifest: Manifest, sources: str) -> str:
    terms = manifest.license
    use = {True: "commercial use with attribution", False: "non-commercial use only", None: "ask whoever made it"}
    lines = [f"The weights: {terms.name}; {use[terms.commercial_use]}."]
    if terms.attribution:
        lines.append(f"Data: {terms.attribution}.")
    if sources:
        lines.append(
            f"Recordings at their source: {sources}; by whom, and under what terms, stands in "
            f"[{ATTRIBUTION}]({ATTRIBUTION}). The author of the data set offers it under the terms above; what "
            "single sources ask beyond these is for whoever uses the weights to weigh."
        )
    return "## License\n\n" + " ".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(word) for word in line)} |" for line in lines)


def _cell(word: object) -> str:
    """A class may be called anything, and a bar would end the cell."""
    return str(word).replace("|", "\\|")
