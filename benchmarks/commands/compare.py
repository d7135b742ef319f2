"""`earshot bench compare`: two results, or two commits."""

from typing import Annotated

import typer

from benchmarks.commands.options import (
    BundleOption,
    ClientCpusOption,
    ClipRateOption,
    ClipsOption,
    FlagsOption,
    FolderOption,
    LabelsOption,
    ModelOption,
    RateOption,
    ServerCpusOption,
)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A commit; or a folder of results, or one file of them.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another; '.' or working-tree is the files as they are.")],
    *,
    noise: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Smallest difference that matters, as a share.")
    ] = 0.03,
    gate: Annotated[bool, typer.Option("--gate", help="Exit with 1 where B is worse.")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Of two commits: starts and loads of each, in turn.")] = 12,
    seconds: Annotated[float, typer.Option(min=0.2, help="Of each load.")] = 2.0,
    bundle: BundleOption = None,
    model: ModelOption = None,
    sample_rate: RateOption = None,
    labels: LabelsOption = None,
    flags: FlagsOption = "",
    clips: ClipsOption = None,
    clip_rate: ClipRateOption = 44_100,
    server_cpus: ServerCpusOption = "1",
    client_cpus: ClientCpusOption = "0",
    out: FolderOption = None,
) -> None:
    """What differs between two runs or two commits, how surely, and whether it matters.

    Commits are checked out aside, and their services are started and loaded in turn by the client of this checkout.
    """
    from benchmarks.comparison.compare import compared, finish
    from benchmarks.comparison.duel import Plan
    from benchmarks.subject import Subject

    def plan() -> Plan:
        subject = Subject(bundle, model, sample_rate, labels, flags, clips, clip_rate, server_cpus, client_cpus)
        return Plan(subject, subject.serve_flags, rounds, seconds)

    finish(compared((a, b), plan, noise, gate=gate), out, gate=gate)
