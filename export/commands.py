"""The commands of this room: `earshot export`, `earshot bundle …`. What they need is imported when they run."""

import re
from pathlib import Path
from typing import Annotated

import typer

from contract.errors import EXIT_INTERRUPTED, EarshotError
from training.data.commands import CacheOption, DataOption

_FEW_WINDOWS = 100  # with which an accuracy is known to about ten points
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
BundleArgument = Annotated[str, typer.Argument(help="A bundle's folder, or the name of one that comes with Earshot.")]

bundle_commands = typer.Typer(help="Look into bundles, and prove that they are whole.", no_args_is_help=True)


def add_export_commands(app: typer.Typer) -> None:
    """Hang the commands of this room into the program."""
    app.command()(export)
    app.add_typer(bundle_commands, name="bundle")


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A model.safetensors, or the folder of a run or a bundle.")],
    *,
    data: DataOption,
    out: Annotated[
        Path, typer.Option(help="Folder of the bundle; its name is the model's, unless --name says else.")
    ],
    crossval: Annotated[
        Path | None,
        typer.Option(help="Folder of `earshot crossval`: what the figures of a model that heard all folds rest on."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the model is called.", show_default="the folder's")] = None,
    version: Annotated[str, typer.Option(help="Of this model; free text.")] = "1.0.0",
    precision: Annotated[
        float,
        typer.Option(min=0.5, max=1.0, help="Share of right answers above the threshold of uncertainty."),
    ] = 0.95,
    prune: Annotated[
        float, typer.Option(min=0, max=0.9, help="Cut whole channels, until so much of the arithmetic is gone.")
    ] = 0.0,
    keep_float: Annotated[
        list[str] | None,
        typer.Option(metavar="LAYER", help="A layer that INT8 leaves alone, as in layer2.block1.conv1. Repeatable."),
    ] = None,
    pcm16: Annotated[
        bool, typer.Option("--pcm16", help="Also write graphs that take 16-bit PCM: half the bytes to a GPU.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the bundle that stands there.")] = False,
    cache: CacheOption = None,
    device: Annotated[str | None, typer.Option(help="Where pruned models are tuned: cpu or cuda.")] = None,
) -> None:
    """Make a bundle of a checkpoint: ONNX in float32, float16 and INT8, proven equal to the PyTorch model.

    A model that holds a fold out is measured on that fold. One that has heard all folds (train --all-folds) needs
    --crossval, the folder of its recipe's cross-validation. If a graph is not equal enough, nothing is written.
    """
    out = out.resolve()
    called = name or out.name
    if not _NAME.fullmatch(called):
        raise EarshotError(
            f"{called!r} is no name for a model: small letters, digits, dots, dashes and underscores; "
            "it is that of the --out folder, unless --name says another"
        )

    from export.exporter import Order
    from export.exporter import export as make
    from export.parity import ParityError
    from export.tables import show_bundle, show_parity
    from export.writer import require_place
    from training.checkpoint import load_facts, model_file
    from training.console import counting, note, stages
    from training.material import load_sounds
    from training.precision import device_named

    require_place(out, force)
    out.parent.mkdir(parents=True, exist_ok=True)
    path = model_file(checkpoint)
    facts = load_facts(path)
    kept = tuple(keep_float or ())
    order = Order(path, crossval, data, out, called, version, precision, prune, kept, pcm16, force)
    with counting("decoding") as progress:
        sounds = load_sounds(data, facts.recipe, facts.labels, cache, progress)
    for warning in sounds.warnings:
        note(warning)
    try:
        with stages() as say:
            bundle = make(order, sounds, device_named(device), say)
    except ParityError as error:
        show_parity(error.measured)
        raise
    except KeyboardInterrupt:
        typer.echo("stopped; nothing was written", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    show_bundle(bundle)
    calibration = bundle.manifest.calibration
    if not calibration.is_reached:
        note(
            f"no confidence makes {calibration.precision_wanted:.0%} of the answers right, "
            f"{calibration.precision:.0%} is the best: what is not called uncertain deserves no more trust than that"
        )
    if calibration.windows < _FEW_WINDOWS:
        note(f"{calibration.windows} held-out windows only: accuracy, temperature and thresholds mean little")


@bundle_commands.command()
def show(
    bundle: BundleArgument,
    json: Annotated[bool, typer.Option("--json", help="The manifest as it stands, for programs.")] = False,
) -> None:
    """Say what a bundle is: what it hears, how good and how fast it is, and its files."""
    from contract.bundle import MANIFEST, Bundle, find_bundle, read_manifest

    folder = find_bundle(bundle)
    manifest = read_manifest(folder)
    if json:
        typer.echo((folder / MANIFEST).read_text(encoding="utf-8"), nl=False)
        return
    from export.tables import show_bundle

    show_bundle(Bundle(folder, manifest))


@bundle_commands.command()
def verify(bundle: BundleArgument) -> None:
    """Prove that every file is the one that was exported, and that every graph loads and answers."""
    from contract.bundle import find_bundle, open_bundle
    from export.verify import try_graphs

    opened = open_bundle(find_bundle(bundle))
    tried = try_graphs(opened)
    size = sum(file.bytes for file in opened.manifest.files.values())
    typer.echo(
        f"{opened.manifest.name} {opened.manifest.version} is whole: {len(opened.manifest.files)} files, "
        f"{size / 1e6:.1f} MB; {', '.join(tried)} load and answer"
    )


@bundle_commands.command()
def engine(
    bundle: BundleArgument,
    batches: Annotated[
        list[str] | None,
        typer.Option(metavar="SMALLEST:BEST:LARGEST", help="Batch sizes. Repeatable: each gets its own kernels."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--for", metavar="8.6", help="Compute capability of another GPU (TensorRT for RTX only)."),
    ] = None,
) -> None:
    """Build the FP16 TensorRT engine for this machine's GPU, once; kept in ~/.cache/earshot/engines.

    A kept engine fits one graph, one GPU and one version of TensorRT; when any of them changes it is built anew.
    """
    from contract.bundle import find_bundle, open_bundle
    from export.engines import by_tenths, make_engine, profiles_of
    from training.console import note, stages

    opened, profiles = open_bundle(find_bundle(bundle)), profiles_of(batches)
    with stages() as say:
        made = make_engine(opened, profiles, target, note, by_tenths(say))
    size = f"{len(made.plan) / 1e6:.1f} MB"
    typer.echo(
        f"{size}, kept as {made.path}" if made.kept else f"{size}, but it could not be kept in {made.path.parent}"
    )
