"""How many users there are as time goes by."""

import pytest

from benchmarks.users.shapes import SHAPES, USUAL_S, Shape


def test_a_step_load_climbs_equal_stairs_up_to_all() -> None:
    shape = Shape("step", most=20, seconds=50, stairs=5)
    assert [shape.users_at(second) for second in (0, 9.9, 10, 20, 30, 49.9)] == [4, 4, 8, 12, 16, 20]


def test_a_spike_comes_and_goes_at_once() -> None:
    shape = Shape("spike", most=40, seconds=100, burst=8)
    assert [shape.users_at(second) for second in (0, 39, 40, 59, 60, 99)] == [5, 5, 40, 40, 5, 5]


def test_a_soak_is_long_the_same() -> None:
    shape = Shape("soak", most=10, seconds=100)
    assert [shape.users_at(second) for second in (0, 5, 10, 50, 90, 95)] == [1, 5, 10, 10, 10, 5]


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_has_users_until_it_is_over(name: str) -> None:
    shape = Shape(name, most=3, seconds=USUAL_S[name])
    users = [shape.users_at(part * shape.seconds / 1000) for part in range(1000)]
    assert all(count is not None and 1 <= count <= 3 for count in users)
    assert max(filter(None, users)) == 3
    assert shape.users_at(shape.seconds) is None
