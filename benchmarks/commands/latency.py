"""`earshot bench latency`: every engine beside the others."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.options import FolderOption


def latency(
    *,
    bundle: Annotated[str, typer.Option(help="Name of a shipped bundle, or a folder.")] = "esc50-resnet",
    engine: Annotated[
        list[str] | None, typer.Option(help="One of them by name. Repeatable.", show_default="all that run here")
    ] = None,
    batches: Annotated[str | None, typer.Option(help="Clips at once.", show_default="1,2,4,8,16,32,64")] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Engines take turns so often.", show_default="7, or fewer: 4 minutes")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.001, help="Of each engine at each batch, in each round.", show_default="0.2"),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="That an engine computes with.")] = 1,
    cpus: Annotated[
        str | None, typer.Option(help="Cores that engines keep to, as in 0-2,5.", show_default="the last ones")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(envvar="EARSHOT_DATA", help="ESC-50, to measure accuracy on the fold held out.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(envvar="EARSHOT_CACHE", help="Where decoded clips are kept.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Half a minute: few rounds, batches 1 and 8.")] = False,
    out: FolderOption = None,
) -> None:
    """How long every engine takes for a bundle here, beside its accuracy and the least that it could take."""
    from benchmarks.latency.finish import finish
    from benchmarks.latency.measurement import measure
    from benchmarks.latency.order import order_of
    from benchmarks.report import say

    order = order_of(bundle, engine, batches, rounds, seconds, threads, cpus, data, cache, quick=quick)
    finish(measure(order, say), out)
