"""How a long command is stopped by a person: politely at first, at once when asked again."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from contract.errors import EXIT_INTERRUPTED
from training.loop import Interrupted


@contextmanager
def stopping_politely(how_to_go_on: str) -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C or SIGTERM lets the step end and the run be saved; the second kills."""
    asked = threading.Event()

    def ask(number: int, _: FrameType | None) -> None:
        asked.set()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    except Interrupted:
        typer.echo(f"stopped and saved; {how_to_go_on}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
