"""`earshot data …`: fetch a data set, look at its quality, hear what augmentation makes of a clip."""

from pathlib import Path
from typing import Annotated

import typer

from training.data.audio_files import decode_named

DataOption = Annotated[
    Path,
    typer.Option(envvar="EARSHOT_DATA", help="ESC-50 in its official layout, or a folder with one folder per class."),
]
CacheOption = Annotated[
    Path | None,
    typer.Option(help="Where decoded clips are kept. By default ~/.cache/earshot.", envvar="EARSHOT_CACHE"),
]

data_commands = typer.Typer(help="Fetch, check and hear training data.", no_args_is_help=True)


@data_commands.command()
def download(
    target: Annotated[Path, typer.Argument(help="Folder that ESC-50 shall become.")] = Path("data/esc50"),
) -> None:
    """Fetch ESC-50 from its home (600 MB), and prove by checksum that it is whole."""
    from training.console import transferring
    from training.data.esc50 import download as fetch

    with transferring("ESC-50") as progress:
        fetch(target, progress=progress)
    typer.echo(f"ESC-50 is in {target}. Audio: CC BY-NC 3.0, see {target / 'LICENSE'}")


@data_commands.command()
def check(
    data: Annotated[Path, typer.Argument(help="ESC-50, or a folder with one folder per class.")],
    out: Annotated[Path | None, typer.Option(help="Write the facts of every clip into this CSV file.")] = None,
) -> None:
    """Report length, level, silence, clipping, twins, unreadable files, and recordings in two folds."""
    from training.console import counting, note
    from training.data.dataset import load_dataset
    from training.data.quality import inspect
    from training.data.splits import notes_on_sources
    from training.tables import show_quality

    dataset = load_dataset(data)
    with counting("measuring") as progress:
        report = inspect(dataset, progress)
    show_quality(report)
    for remark in (*dataset.warnings, *notes_on_sources(dataset)):
        note(remark)
    if out:
        report.write_csv(out)


@data_commands.command()
def augment(
    clip: Annotated[Path, typer.Argument(help="Any audio file.")],
    out: Annotated[Path, typer.Option(help="Folder for the sounds and the picture.")],
    partner: Annotated[
        Path | None, typer.Option(help="A second sound, to mix with; a rising tone without it.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="Whose strengths and front end are shown: a shipped recipe or a .toml file.")
    ] = "esc50-resnet",
    seed: Annotated[int, typer.Option(help="Decides what each augmentation draws.")] = 0,
) -> None:
    """Hear and see what each augmentation does to a clip: WAV files and one picture, before and after."""
    from training.augment.render import render
    from training.recipe import load_recipe

    chosen = load_recipe(recipe)
    sound = decode_named(clip, chosen.audio.sample_rate)
    other = decode_named(partner, chosen.audio.sample_rate) if partner else None
    for path in render(sound, chosen, out, seed, other):
        typer.echo(str(path))
