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
    manners: Annotated[
        bool, typer.Option(help="Try bad clips, hang-ups, a crowd, SIGTERM: 20 s a server and round.")
    ] = True,
    server_cpus: ServerCpusOption = "1",
    client_cpus: ClientCpusOption = "0",
    out: FolderOption = None,
    strict: StrictOption = False,
) -> None:
    """Earshot beside LitServe, BentoML, mosec, Ray Serve, MLServer and FastAPI, with the same model behind all.

    An hour for all servers, and some minutes more the first time, when their
    environments are made. A machine on which others work takes longer, as
    loads are repeated. Nobody puts more than 8 clips into a batch.

    earshot bench peers --seconds 3 --rounds 2       all of them: half an hour

    earshot bench peers --only earshot,mosec --models tiny --rounds 1
    --seconds 3                                      two of them: four minutes
    """
    from benchmarks.peers.command import arranged, run_peers
    from benchmarks.peers.contest import Plan
    from benchmarks.peers.manners import Tempo

    plan = Plan(seconds, rounds, tempo=Tempo() if manners else None)
    run_peers(arranged(models, only, plan, server_cpus, client_cpus), out, strict=strict)
