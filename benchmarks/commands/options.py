"""Flags that several commands share."""

from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer

from contract.errors import EarshotError


def _made(folder: Path | None) -> Path | None:
    """There, and open to writing, before an hour is spent on what is to lie in it."""
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise EarshotError(f"--out {folder}: it cannot be written there ({error.strerror})") from error


BundleOption = Annotated[
    str | None, typer.Option(help="Name of a shipped bundle, or a folder.", show_default="the service's own")
]
ModelOption = Annotated[Path | None, typer.Option(help="A bare ONNX file instead of a bundle; needs --sample-rate.")]
RateOption = Annotated[int | None, typer.Option(min=1, help="Samples per second that the bare ONNX file hears.")]
LabelsOption = Annotated[str | None, typer.Option(help="Its classes, as for earshot serve.")]
FlagsOption = Annotated[str, typer.Option(help="More flags for earshot serve, as in '--max-queue 64'.")]
ClipsOption = Annotated[
    Path | None, typer.Option(help="Folder of sounds to send as WAV.", show_default="clips of ESC-10")
]
ClipRateOption = Annotated[int, typer.Option(min=8000, max=192_000, help="Samples per second of what is sent.")]
ServerCpusOption = Annotated[str, typer.Option(help="Cores of the service and the bare engine, as in 0-2,5.")]
ClientCpusOption = Annotated[str, typer.Option(help="Cores of the client.")]
OutOption = Annotated[Path | None, typer.Option(help="JSON file for all figures.")]
FolderOption = Annotated[
    Path | None,
    typer.Option(help="Folder for figures, pages and plots.", show_default="benchmarks/results/…", callback=_made),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit with 1 where a target is missed.")]
