"""What is tried on which machine."""

import pytest

from benchmarks.tuning.grid import connections_for, grid, name_of, shapes_on
from service.profiles import Tuning

DEFAULT = Tuning(replicas=2, threads=1, max_batch=4)


@pytest.mark.parametrize(
    ("cores", "shapes"),
    [
        (1, {(1, 1)}),
        (2, {(1, 1), (1, 2), (2, 1)}),
        (3, {(1, 1), (1, 2), (1, 3), (3, 1)}),
        (4, {(2, 1), (1, 2), (4, 1), (2, 2), (1, 4)}),
        (6, {(3, 1), (1, 2), (1, 3), (6, 1), (3, 2), (1, 4), (1, 6)}),
    ],
)
def test_engines_and_threads_fill_the_cores_or_half_of_them(cores: int, shapes: set[tuple[int, int]]) -> None:
    assert set(shapes_on(cores)) == shapes


@pytest.mark.parametrize("cores", range(1, 130))
def test_no_machine_gets_more_threads_than_cores_or_a_grid_that_takes_an_hour(cores: int) -> None:
    tried = grid(DEFAULT, cores, on_gpu=False)
    assert all(one.replicas * one.threads <= cores for one in tried[1:])
    assert len(tried) == len(set(tried)) <= 70


def test_two_cores_have_twelve_candidates_the_default_first() -> None:
    first, *others = grid(DEFAULT, 2, on_gpu=False)
    assert first == DEFAULT
    assert len(others) == 11
    assert {one.max_batch for one in others} == {1, 2, 4, 8}


def test_a_gpu_has_streams_and_batches_however_many_cores_there_are() -> None:
    default = Tuning(replicas=2, threads=1, max_batch=32)
    tried = grid(default, 16, on_gpu=True)
    assert tried[0] == default
    assert {(one.replicas, one.max_batch) for one in tried} == {(n, b) for n in (1, 2, 3) for b in (8, 16, 32, 64)}
    assert {one.threads for one in tried} == {1}
    assert connections_for(16, on_gpu=True) == (1, 8, 32, 128)


def test_a_default_of_other_sizes_is_tried_too() -> None:
    odd = Tuning(replicas=5, threads=1, max_batch=3)
    assert grid(odd, 2, on_gpu=False)[0] == odd
    assert len(grid(odd, 2, on_gpu=False)) == 13


@pytest.mark.parametrize(
    ("cores", "loads"), [(1, (1, 2, 4, 16)), (2, (1, 4, 8, 32)), (16, (1, 32, 64)), (64, (1, 64))]
)
def test_a_load_begins_alone_and_ends_where_the_line_is_full(cores: int, loads: tuple[int, ...]) -> None:
    assert connections_for(cores, on_gpu=False) == loads


def test_names_are_words() -> None:
    assert name_of(DEFAULT, on_gpu=False) == "2 engines × 1 thread, batches up to 4"
    assert (
        name_of(Tuning(replicas=1, threads=2, max_batch=1), on_gpu=False) == "1 engine × 2 threads, batches up to 1"
    )
    assert name_of(DEFAULT, on_gpu=True) == "2 streams, batches up to 4"
