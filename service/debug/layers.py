"""Which layers there are, and which are asked for: names with wildcards, as in `layer2.*,stem.relu`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from contract.errors import EarshotError

MOST_PATTERNS = 64
LONGEST_PATTERN = 100
MOST_STARS = 4
"""In one pattern: each multiplies the ways in which a name may fit."""

_PATTERN = re.compile(r"[A-Za-z0-9_.*?]+")


@dataclass(frozen=True)
class Layer:
    """One module of the network."""

    name: str
    kind: str
    """As PyTorch calls it."""
    parameters: int
    shape: tuple[int, ...]
    """Of what it gives for one window, without the batch: channels, rows, columns; or features alone."""


def chosen(layers: Sequence[Layer], words: str) -> list[Layer]:
    """Those that fit one of the patterns, in the order of the network."""
    patterns = [word.strip() for word in words.split(",") if word.strip()]
    if not patterns:
        raise EarshotError("layers: name some, as in layers=layer2.*,head")
    if len(patterns) > MOST_PATTERNS:
        raise EarshotError(f"layers: {len(patterns)} patterns are more than {MOST_PATTERNS}")
    for pattern in patterns:
        _require_plain(pattern)
    fitting = {pattern: {layer for layer in layers if fnmatchcase(layer.name, pattern)} for pattern in patterns}
    for pattern, found in fitting.items():
        if not found:
            some = ", ".join(layer.name for layer in layers[:3])
            raise EarshotError(f"layers: none is called {pattern!r}; there are {some} …, see /v1/debug/layers")
    wanted = set().union(*fitting.values())
    return [layer for layer in layers if layer in wanted]


def _require_plain(pattern: str) -> None:
    if len(pattern) > LONGEST_PATTERN or pattern.count("*") > MOST_STARS or not _PATTERN.fullmatch(pattern):
        raise EarshotError(
            f"layers: {pattern[:LONGEST_PATTERN]!r} is no pattern: letters, digits, dots, ? for one of them, and at "
            f"most {MOST_STARS} times * for any number"
        )
