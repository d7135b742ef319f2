"""What a person at a terminal sees while training goes on: a bar with the time that is left."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from training.checkpoint import operations
from training.data.progress import Progress as Report
from training.loop import Run
from training.observers import Look, Observer, StepReport

console = Console(highlight=False, markup=False)  # names of files and classes are no markup
_REFRESH_EVERY = 5  # steps between two looks at the loss, each of which waits for a GPU


class ConsoleObserver(Observer):
    """A progress bar while the run goes on, and a line for each look at clips it does not learn from."""

    def __init__(self, title: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=console,
            speed_estimate_period=120,
        )
        self._title = title

    def started(self, run: Run) -> None:
        """Say what is about to happen, and show the bar."""
        material = run.material
        for remark in material.notes:
            note(remark)
        parameters = sum(p.numel() for p in run.model.parameters())
        classes = len(material.dataset.labels)
        taught = f", taught by {len(run.taught_by)}" if run.taught_by else ""
        console.print(
            f"{self._title}: {len(material.train)} windows to learn from, {len(material.held_out)} held out, "
            f"{classes} classes; {parameters / 1e6:.2f} M parameters, "
            f"{operations(run.recipe, classes) / 1e9:.2f} GMAC, {run.precision} on {run.device.type}{taught}"
        )
        self._per_epoch = run.pipeline.steps_per_epoch
        self._task = self._progress.add_task("steps", total=run.total_steps, completed=run.step, state="")
        self._progress.start()

    def stepped(self, report: StepReport) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=report.step)
        if report.step % _REFRESH_EVERY == 0:
            epoch = report.step / self._per_epoch
            self._progress.update(self._task, state=f"epoch {epoch:.1f}  loss {float(report.loss):.3f}")

    def looked(self, look: Look) -> None:
        """Print the figures of a look."""
        side = look.side.replace("_", " ")
        console.print(
            f"epoch {look.epoch:>4}  {side} accuracy {look.predictions.accuracy:.4f}  "
            f"loss {look.predictions.loss:.4f}"
        )

    def closed(self) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()


def note(remark: str) -> None:
    """Something that a person should know before trusting a figure."""
    console.print(Text.assemble(("note ", "yellow"), remark), soft_wrap=True)


def counting(what: str) -> AbstractContextManager[Report]:
    """A bar for work of known size; nothing is shown where nothing is to be done."""
    return _bar(what, MofNCompleteColumn())


def transferring(what: str) -> AbstractContextManager[Report]:
    """A bar for bytes on their way."""
    return _bar(what, DownloadColumn(), TransferSpeedColumn())


@contextmanager
def stages() -> Iterator[Callable[[str], None]]:
    """For work in steps of unknown length: what is being done, turning; where nobody looks, one line for each."""
    if not console.is_terminal:
        yield lambda stage: console.print(stage, soft_wrap=True)
        return
    with console.status("") as status:
        yield status.update


@contextmanager
def _bar(what: str, *columns: ProgressColumn) -> Iterator[Report]:
    progress = Progress(TextColumn(what), BarColumn(), *columns, TimeRemainingColumn(), console=console)
    tasks: list[TaskID] = []

    def report(done: int, total: int) -> None:
        if not tasks:
            tasks.append(progress.add_task(what, total=total or None))
            progress.start()
        progress.update(tasks[0], completed=done)

    try:
        yield report
    finally:
        if tasks:
            progress.stop()
