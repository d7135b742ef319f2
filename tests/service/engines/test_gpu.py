"""What the engines for GPUs share."""

import pytest

from contract.errors import EarshotError, UnavailableError
from service.engines.base import EngineError
from service.engines.gpu import batch_sizes, failures, size_for


@pytest.mark.parametrize(
    ("largest", "sizes"),
    [
        (1, (1,)),
        (2, (1, 2)),
        (3, (1, 2, 3)),
        (6, (1, 2, 4, 6)),
        (32, (1, 2, 4, 8, 16, 32)),
    ],
)
def test_sizes_double_up_to_the_largest(largest: int, sizes: tuple[int, ...]) -> None:
    assert batch_sizes(largest) == sizes


def test_each_count_has_the_smallest_size_with_room_for_it() -> None:
    assert [size_for(count, (1, 2, 4, 6)) for count in range(1, 7)] == [1, 2, 4, 4, 6, 6]


@pytest.mark.parametrize(
    ("thrown", "kind", "sentence"),
    [
        (UnavailableError("not here"), UnavailableError, "not here"),
        (EngineError("out of memory"), EngineError, "out of memory"),
        (EarshotError("the plan is damaged"), EngineError, "the plan is damaged"),
        (RuntimeError("no kernel\nat 0x7f"), EngineError, "PyTorch does not run: RuntimeError: no kernel"),
        (MemoryError(), EngineError, "PyTorch does not run: MemoryError: "),
    ],
)
def test_whatever_is_thrown_is_an_error_of_the_engine(
    thrown: Exception, kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind) as caught, failures("PyTorch"):
        raise thrown
    assert str(caught.value) == sentence


def test_an_interrupt_stays_one() -> None:
    with pytest.raises(KeyboardInterrupt), failures("PyTorch"):
        raise KeyboardInterrupt
