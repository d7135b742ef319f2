"""What the commands of this room print."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from contract.bundle import Bundle
from contract.manifest import Manifest, Parity

console = Console(highlight=False, markup=False)


def show_parity(parity: Mapping[str, Parity]) -> None:
    """One line for each graph."""
    if not parity:
        return
    first = next(iter(parity.values()))
    folds = ", ".join(map(str, first.folds))
    table = Table(title=f"against PyTorch in float32: {first.windows} held-out windows of fold {folds}")
    for name in ("graph", "largest Δ logit", "99.9 % of Δ", "same answer", "accuracy", "hostile signals: Δ"):
        table.add_column(name, justify="left" if name == "graph" else "right", no_wrap=name == "graph")
    for name, found in parity.items():
        points = 100 * (found.accuracy - found.accuracy_float)
        table.add_row(
            name,
            f"{found.max_delta:.2g}",
            f"{found.p999_delta:.2g}",
            f"{100 * found.agreement:.2f} %",
            f"{100 * found.accuracy:.2f} % ({points:+.2f})",
            f"{found.hostile_max_delta:.2g}",
        )
    console.print(table)


def show_bundle(bundle: Bundle) -> None:
    """What a person asks of a bundle first."""
    manifest = bundle.manifest
    console.print(_facts(manifest))
    show_parity(manifest.parity)
    if manifest.speed.rows:
        console.print(_speed(manifest))
    console.print(_files(manifest))


def _facts(manifest: Manifest) -> Table:
    table = Table(title=f"{manifest.name} {manifest.version}", show_header=False)
    audio, model, summary, calibration = manifest.audio, manifest.model, manifest.summary, manifest.calibration
    labels = ", ".join(manifest.labels)
    missed = ", ".join(map(str, manifest.held_out_folds))
    seconds = audio.window_samples / audio.sample_rate
    table.add_row("hears", f"{seconds:g} s, mono, {audio.sample_rate} Hz")
    table.add_row("says", f"{len(manifest.labels)} classes: {labels}")
    table.add_row(
        "network", f"{model.parameters / 1e6:.2f} M parameters, {model.multiply_accumulates / 1e9:.3f} GMAC"
    )
    folds_heard = f"without fold {missed}" if missed else "all folds"
    table.add_row("trained on", f"{manifest.training_windows} windows of {manifest.dataset}, {folds_heard}")
    spread = f" ± {100 * summary.deviation:.2f}" if len(manifest.metrics) > 1 else ""
    folds = ", ".join(manifest.metrics)
    table.add_row("accuracy", f"{100 * summary.accuracy:.2f}{spread} %, held-out fold {folds}, seed {summary.seed}")
    table.add_row(
        "confidence",
        f"temperature {calibration.temperature:.3f}; calibration error {100 * summary.ece:.1f} → "
        f"{100 * summary.ece_calibrated:.1f} %",
    )
    table.add_row(
        "uncertain",
        f"below a confidence of {calibration.reject_below:.3f}; above it {100 * calibration.precision:.1f} % are "
        f"right (wanted {100 * calibration.precision_wanted:g} %), {100 * calibration.coverage:.0f} % are answered",
    )
    table.add_row("license", manifest.license.name)
    table.add_row("exported", f"{manifest.created:%Y-%m-%d %H:%M} UTC, source {manifest.commit}")
    return table


def _speed(manifest: Manifest) -> Table:
    table = Table("one window, one thread", "ms", "faster", title=manifest.speed.machine)
    for row in manifest.speed.rows:
        table.add_row(row.engine, f"{row.milliseconds:.2f}", f"{row.speedup:.2f} ×")
    return table


def _files(manifest: Manifest) -> Table:
    table = Table("file", "bytes", "SHA-256")
    for name, file in manifest.files.items():
        table.add_row(name, f"{file.bytes:,}", f"{file.sha256[:16]}…")
    table.add_section()
    table.add_row("total", f"{sum(file.bytes for file in manifest.files.values()):,}", "")
    return table
