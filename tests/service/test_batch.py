"""One batch on one engine: to every window its own answer, and none that is no number."""

from collections.abc import Sequence

import numpy as np
import pytest

from service.batch import answers_silence, rows_of, sound_engine
from service.engines.base import Engine, EngineError, Outputs, Samples
from tests.service.engines.fakes import MAX_BATCH, NOISE, POISON, SAMPLES, Works, answer_to, rows, window


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def engine(works: Works) -> Engine:
    return works.ready()[0]


def strict(outputs: Outputs) -> Sequence[list[float]]:
    """A judge who is only shown numbers."""
    assert np.isfinite(outputs.logits).all()
    assert outputs.embedding is not None
    assert outputs.embedding[:, 0].tolist() == outputs.logits[:, 1].tolist()
    return rows(outputs)


def test_every_window_gets_its_own_row(engine: Engine) -> None:
    windows = [window(value) for value in (1, 2, 3, 4)]
    assert rows_of(engine, windows, strict) == [answer_to(one) for one in windows]


def test_behind_a_short_window_is_silence_whatever_was_there_before(engine: Engine) -> None:
    rows_of(engine, [window(9)] * MAX_BATCH, rows)
    assert rows_of(engine, [window(1, 3), window(2, 1)], rows) == [[3.0, 1.0], [2.0, 2.0]]


def test_integers_become_what_they_stand_for(engine: Engine) -> None:
    assert rows_of(engine, [np.full(4, 2**14, np.int16)], rows) == [[2.0, 0.5]]


def test_the_buffer_is_filled_in_place(engine: Engine) -> None:
    before = engine.staging
    rows_of(engine, [window(1)], rows)
    assert engine.staging is before


@pytest.mark.parametrize("values", [(NOISE, 1, 2), (1, NOISE, 2), (NOISE,), (NOISE, NOISE)])
def test_what_is_no_number_is_no_answer_and_the_judge_does_not_see_it(
    engine: Engine, values: tuple[float, ...]
) -> None:
    windows = [window(value) for value in values]
    wanted = [None if one[0] == NOISE else answer_to(one) for one in windows]
    assert rows_of(engine, windows, strict) == wanted


def test_a_graph_without_an_embedding_is_judged_too(engine: Engine) -> None:
    def judge(outputs: Outputs) -> Sequence[list[float]]:
        return rows(Outputs(outputs.logits, None))

    assert rows_of(engine, [window(NOISE), window(1)], judge) == [None, [8.0, 1.0]]


def test_too_few_answers_are_no_answers(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(count: int) -> Outputs:
        return Outputs(np.zeros((count - 1, 2), np.float32), None)

    monkeypatch.setattr(engine, "infer", forgetful)
    with pytest.raises(EngineError, match="of 2 windows, the engine answered 1"):
        rows_of(engine, [window(1), window(2)], rows)


def test_a_window_that_is_too_long_for_the_model_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="broadcast"):
        rows_of(engine, [window(1, SAMPLES + 1)], rows)


def test_a_sound_engine_answers_silence(engine: Engine, works: Works) -> None:
    rows_of(engine, [window(1)], rows)
    assert answers_silence(engine, rows)
    works.are_deaf = True
    assert not answers_silence(engine, rows)


def test_a_new_engine_is_loaded_and_answers(works: Works) -> None:
    made = sound_engine(works.make, rows)
    assert rows_of(made, [window(2)], rows) == [[16.0, 2.0]]


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        ({"refuse_to_load": 1}, "does not load"),
        ({"refuse_to_warm_up": 1}, "does not warm up"),
        ({"are_deaf": True}, "does not answer silence"),
    ],
)
def test_a_new_engine_that_does_not_work_is_closed(faults: dict[str, int], sentence: str) -> None:
    works = Works(**faults)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match=sentence):
        sound_engine(works.make, rows)
    assert [engine.closes for engine in works.made] == [1]


def test_a_poisoned_batch_raises(engine: Engine) -> None:
    windows: list[Samples] = [window(1), window(POISON)]
    with pytest.raises(EngineError):
        rows_of(engine, windows, rows)
