"""Takes the long lists of numbers out of a request's JSON before it is parsed.

Parsed as a whole, they would be as many Python objects, of eight times the memory, and nothing else could run
meanwhile. Here they become an array piece by piece. What stays behind is JSON as before.
"""

import re
from array import array
from secrets import randbits
from typing import Any, NamedTuple, TypeAlias

from pydantic_core import from_json

from contract.errors import EarshotError

Numbers: TypeAlias = "array[float]"

MOST_KEYS = 16
"""More than one request has tensors; the data of further ones are left where they are."""

MOST_ROWS = 4096
"""Of nested numbers; what has more is left where it is."""

_PIECE = 2**16
"""Bytes that are parsed at a time: a fraction of a millisecond."""

_KEY = b'"data"'
_TO_LIST = re.compile(rb'"data"[ \t\n\r]*:[ \t\n\r]*(?=\[)')
_TO_FIRST_ROW = re.compile(rb"\[[ \t\n\r]*(?=\[)")
_TO_NUMBER = re.compile(rb"\[[ \t\n\r]*(?=[-0-9])")
_TO_NEXT_ROW = re.compile(rb"[ \t\n\r]*,[ \t\n\r]*(?=\[)")
_TO_END = re.compile(rb"[ \t\n\r]*\]")


class NoNumbers(EarshotError):  # noqa: N818  (it says what is wrong)
    """A list that began with a number goes on with something else."""


class Lightened(NamedTuple):
    """JSON without its long lists."""

    text: bytes
    taken: "dict[int, Numbers | list[Numbers]]"
    """By the number that now stands alone in its list, which no client can guess; nested ones are lists of rows."""

    def back(self, data: list[Any] | None) -> "list[Any] | Numbers | None":
        """What stood where this stands now."""
        mark = data[0] if data and len(data) == 1 else None
        return self.taken[mark] if isinstance(mark, int) and mark in self.taken else data

    @property
    def size(self) -> int:
        """Bytes of all numbers."""
        rows = (row for taken in self.taken.values() for row in (taken if isinstance(taken, list) else [taken]))
        return sum(row.itemsize * len(row) for row in rows)


def lighten(text: bytes) -> Lightened:
    """Take out each `data` that is a list of numbers, or of such lists.

    Inside of a string the key cannot stand as it is looked for: its quotation marks would have backslashes.
    """
    taken: dict[int, Numbers | list[Numbers]] = {}
    kept: list[bytes] = []
    done = place = 0
    for _ in range(MOST_KEYS):
        place = text.find(_KEY, place)
        if place < 0:
            break
        key = _TO_LIST.match(text, place)
        place = key.end() if key else place + len(_KEY)
        if key and (found := _row(text, place) or _rows(text, place)):
            mark = randbits(128)
            taken[mark], end = found
            kept += [text[done:place], b"[%d]" % mark]
            done = place = end
    return Lightened(b"".join([*kept, text[done:]]) if taken else text, taken)


def _row(text: bytes, start: int) -> tuple[Numbers, int] | None:
    """The numbers of one list, and where it ends; None for what is none."""
    begin, end = _TO_NUMBER.match(text, start), text.find(b"]", start)
    if not begin or end < 0:
        return None
    numbers = array("f")
    stop = begin.end() - 1
    while stop < end:
        start = stop + 1
        stop = text.find(b",", start + _PIECE, end)
        stop = end if stop < 0 else stop
        numbers.extend(_parsed(text[start:stop]))
    return numbers, end + 1


def _rows(text: bytes, start: int) -> tuple[list[Numbers], int] | None:
    begin = _TO_FIRST_ROW.match(text, start)
    rows: list[Numbers] = []
    while begin and len(rows) < MOST_ROWS and (row := _row(text, begin.end())):
        rows.append(row[0])
        if end := _TO_END.match(text, row[1]):
            return rows, end.end()
        begin = _TO_NEXT_ROW.match(text, row[1])
    return None


def _parsed(piece: bytes) -> Numbers:
    try:
        numbers = array("f", from_json(b"[%b]" % piece))
    except (ValueError, TypeError, OverflowError):
        numbers = array("f")
    if not numbers:
        raise NoNumbers("A list of numbers in `data` holds something else, or numbers beyond the range of FP32.")
    return numbers
