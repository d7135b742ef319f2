"""`earshot tune`: what suits this machine."""

from typing import Annotated, Literal

import typer

from benchmarks.commands.options import (
    BundleOption,
    ClipRateOption,
    ClipsOption,
    FlagsOption,
    FolderOption,
    LabelsOption,
    ModelOption,
    RateOption,
)
from contract.errors import EarshotError


def tune(
    *,
    goal: Annotated[
        Literal["latency", "throughput"],
        typer.Option(
            "--for",
            help="latency: a lone request is answered as soon as can be. throughput: as many are answered as can be, "
            "and 99 % of them within --p99-ms.",
        ),
    ] = "throughput",
    p99_ms: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Milliseconds that 99 % of the answers may take.",
            show_default="5 times a lone request by the defaults",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="Of each load; there are four on a candidate in a round.")
    ] = 1.0,
    rounds: Annotated[
        int, typer.Option(min=1, help="All in turn, then those that were not clearly worse; medians decide.")
    ] = 4,
    show: Annotated[bool, typer.Option("--show", help="Measure nothing: print what is in force here.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Measure nothing: remove what was found.")] = False,
    bundle: BundleOption = None,
    model: ModelOption = None,
    sample_rate: RateOption = None,
    labels: LabelsOption = None,
    flags: FlagsOption = "",
    clips: ClipsOption = None,
    clip_rate: ClipRateOption = 44_100,
    out: FolderOption = None,
) -> None:
    """Find how many engines, threads and windows in a batch suit this machine, for earshot serve to take.

    Starts the service with one candidate after the other and loads it. The best
    becomes the profile of this machine for this model: earshot serve takes it
    from then on, but for what it is told by a flag or its environment.

    Let nothing else run meanwhile: three minutes on two cores. On a GPU, streams
    and batches are tried.

    earshot tune --for latency                  one request as soon as can be

    earshot tune --for throughput --p99-ms 50   as many as keep to 50 ms
    """
    from benchmarks.processes import all_cpus
    from benchmarks.report import say
    from benchmarks.subject import Subject

    subject = Subject(bundle, model, sample_rate, labels, flags, clips, clip_rate, all_cpus(), all_cpus())
    if show or forget:
        from benchmarks.tuning.profile import forget_profile, show_profile

        (show_profile if show else forget_profile)(subject, say)
        return
    if goal == "latency" and p99_ms is not None:
        raise EarshotError("--p99-ms is a bound for --for throughput; --for latency has none")
    from benchmarks.tuning.search import Plan, run_tune

    run_tune(subject, Plan(goal, p99_ms, seconds, rounds), out, say)
