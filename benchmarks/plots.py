"""One look for all plots: what is ours in colour, what it is compared with in grey."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from contract.files import replacing

OURS = "#0b6e99"
LIMIT = "#c0392b"
OTHERS = ("#7f8c8d", "#95a5a6", "#b07d2b", "#5d8a66", "#8e6c8a", "#a65e5e", "#4f6d8f")
_DPI = 110


@contextmanager
def picture(file: Path, width: float = 9.0, height: float = 4.5, columns: int = 1) -> Iterator[list[Axes]]:
    """Draw on these axes, side by side; at the end the picture lies in the file."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=_DPI)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(axis="y", alpha=0.25)
    yield list(axes)
    with replacing(file) as aside:
        figure.savefig(aside, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True})


def plain_numbers(axis: Axis) -> None:
    """1, 2, 5, 10 … as people write them, on a scale that is logarithmic."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:g}")
