"""What is left open is filled in, and what cannot be is said at once."""

import math
import os

import pytest

from benchmarks.latency.engines import ENGINES, chosen
from benchmarks.latency.order import BATCHES, QUICK, USUAL, Order, batches_in, cores_for, order_of
from contract.errors import EarshotError

(COMPILED,) = chosen(["torch-compile"])
(INT8,) = chosen(["onnx-int8"])


def order(
    *engines: str, batches: str | None = None, rounds: int | None = None, threads: int = 1, quick: bool = False
) -> Order:
    return order_of("esc10-resnet", engines, batches, rounds, None, threads, None, None, None, quick=quick)


def test_all_engines_and_batches_are_usual() -> None:
    usual = order()
    assert usual.engines == ENGINES
    assert usual.pace == USUAL
    assert usual.pace.batches == BATCHES == (1, 2, 4, 8, 16, 32, 64)
    assert usual.cpus == frozenset({max(os.sched_getaffinity(0))})


def test_what_is_asked_for_is_not_left_out_for_being_slow() -> None:
    assert order().pace.slowest_run_s == 1
    assert order(batches="1,64").pace.slowest_run_s == order(rounds=5).pace.slowest_run_s == math.inf


def test_what_is_said_counts_more_than_quick() -> None:
    quick = order(rounds=5, quick=True).pace
    assert (quick.rounds, quick.seconds, quick.batches) == (5, QUICK.seconds, QUICK.batches)


def test_a_compiler_is_asked_for_two_sizes_unless_it_was_named_with_them() -> None:
    assert order().batches_of(COMPILED) == (1, 8)
    assert order(batches="2,4,16").batches_of(COMPILED) == (2, 4)
    assert order(batches="16,32").batches_of(COMPILED) == (16,)
    assert order("torch-compile", batches="1,16").batches_of(COMPILED) == (1, 16)
    assert order("torch-compile").batches_of(COMPILED) == (1, 8)
    assert order().batches_of(INT8) == BATCHES


def test_quick_saves_the_compiler_unless_it_was_named() -> None:
    assert "--engine torch-compile asks for it" in order(quick=True).left_out(COMPILED)
    assert not order("torch-compile", quick=True).left_out(COMPILED)
    assert not order(quick=True).left_out(INT8)
    assert not order().left_out(COMPILED)


def test_batches_are_sorted_and_each_counts_once() -> None:
    assert batches_in("8, 1,8") == (1, 8)


@pytest.mark.parametrize("words", ["", "0", "1,x", "1;2", "-1", "4096"])
def test_what_is_no_batch_is_refused(words: str) -> None:
    with pytest.raises(EarshotError, match=r"--batches .*expected numbers from 1 to 1024 as in 1,8,32"):
        batches_in(words)


def test_there_must_be_a_core_for_each_thread() -> None:
    here = sorted(os.sched_getaffinity(0))
    assert cores_for(len(here), None) == frozenset(here)
    assert cores_for(1, str(here[0])) == frozenset(here[:1])
    with pytest.raises(EarshotError, match=f"there are only {len(here)} cores here"):
        cores_for(len(here) + 1, None)
    with pytest.raises(EarshotError, match="--threads 2 want as many cores"):
        cores_for(2, str(here[0]))


def test_an_unknown_bundle_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(EarshotError, match="esc10-resnet"):
        order_of("esc99", None, None, None, None, 1, None, None, None, quick=True)
