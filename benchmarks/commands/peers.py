"""`earshot bench peers`: other servers under the same load."""

from typing import Annotated

import typer

from benchmarks.commands.options import ClientCpusOption, FolderOption, ServerCpusOption, StrictOption


def peers(
    *,
    models: Annotated[str, typer.Option(help="small, tiny, or names of bundles, with commas.")] = "small,tiny",
    only: Annotated[str | None, typer.Option(help="Servers, with commas.", show_default="all")] = None,
    seconds: Annotated[float, typer.Option(min=0.2, help="Of each load.")] = 5.0,
    rounds: Annotated[int, typer.Option(min=1, help="All servers in turn, so often; medians are shown.")] = 3,
    manners: Annotated[bool, typer.Option(help="Try bad clips, hang-ups, a crowd and SIGTERM too.")] = True,
    server_cpus: ServerCpusOption = "1",
    client_cpus: ClientCpusOption = "0",
    out: FolderOption = None,
    strict: StrictOption = False,
) -> None:
    """Earshot beside LitServe, BentoML, mosec, Ray Serve, MLServer and FastAPI, with the same model behind all."""
    from benchmarks.peers.command import arranged, run_peers
    from benchmarks.peers.contest import Plan
    from benchmarks.peers.manners import Tempo

    plan = Plan(seconds, rounds, tempo=Tempo() if manners else None)
    run_peers(arranged(models, only, plan, server_cpus, client_cpus), out, strict=strict)
