"""The commands of this room: `earshot bench …` and `earshot tune`. What they need is imported when they run."""

import typer

from benchmarks.commands.compare import compare
from benchmarks.commands.latency import latency
from benchmarks.commands.load import load
from benchmarks.commands.locust import locust
from benchmarks.commands.peers import peers
from benchmarks.commands.promises import service, soak
from benchmarks.commands.tune import tune


def add_benchmark_commands(app: typer.Typer) -> None:
    """Hang the commands of this room into the program."""
    bench = typer.Typer(help="Measure engines and the service on this machine.", no_args_is_help=True)
    for command in (latency, load, service, soak, locust, peers, compare):
        bench.command()(command)
    app.add_typer(bench, name="bench")
    app.command()(tune)
