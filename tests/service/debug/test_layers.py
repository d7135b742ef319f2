"""Patterns: what they find, in which order, and that hostile ones are cheap and told so."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import EarshotError
from service.debug.layers import LONGEST_PATTERN, MOST_PATTERNS, Layer, chosen

NAMES = ["stem", "stem.conv", "stem.relu", "layer1.block1.conv1", "layer1.block1.relu", "layer2.block1.relu", "head"]
LAYERS = [Layer(name, "ReLU", 0, (8, 4, 4)) for name in NAMES]


def names(words: str) -> list[str]:
    return [layer.name for layer in chosen(LAYERS, words)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("head", ["head"]),
        ("head, stem.relu", ["stem.relu", "head"]),
        ("layer?.block1.relu", ["layer1.block1.relu", "layer2.block1.relu"]),
        ("layer1.*,layer1.*", ["layer1.block1.conv1", "layer1.block1.relu"]),
        ("*", NAMES),
    ],
)
def test_layers_come_in_the_order_of_the_network(words: str, found: list[str]) -> None:
    assert names(words) == found


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (" , ", "name some"),
        ("layer9.*", r"none is called 'layer9\.\*'"),
        ("head,nothing", "none is called 'nothing'"),
        ("layer1.[a-z]*", "is no pattern"),
        ("*" * 5, "is no pattern"),
        ("../../etc/passwd", "is no pattern"),
        ("x" * (LONGEST_PATTERN + 1), "is no pattern"),
        (",".join(["head"] * (MOST_PATTERNS + 1)), "are more than"),
        ("<script>", "is no pattern"),
    ],
)
def test_what_is_no_pattern_or_fits_nothing_is_told_so(words: str, complaint: str) -> None:
    with pytest.raises(EarshotError, match=complaint):
        chosen(LAYERS, words)


@given(st.text(max_size=300))
def test_any_words_end_at_once(words: str) -> None:
    start = time.process_time()
    with suppress(EarshotError):
        assert chosen(LAYERS, words)
    assert time.process_time() - start < 1


def test_many_stars_do_not_take_for_ever() -> None:
    long = [Layer("a" * 90, "ReLU", 0, (1,))]
    start = time.process_time()
    with pytest.raises(EarshotError, match="none is called"):
        chosen(long, "*a*a*a*b")
    assert time.process_time() - start < 1
