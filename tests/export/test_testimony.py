"""What is asked of whom, and that nothing passes which any of the answers speaks against."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH
from contract.errors import EarshotError
from contract.reference import EmbeddingStatistics
from export import testimony  # pytest would take its names for tests
from export.evidence import Witness
from export.parity import Comparison, compare
from export.session import Session
from export.testimony import ask, compare_on_hostile_signals, compare_on_own_sounds, statistics_of
from tests.export.conftest import (
    CLASSES,
    NAMES,
    SAMPLES,
    SPHERE,
    WIDTH,
    linear_graph,
    right_answers,
    told_by,
    untrained,
    verdict_of,
    witness,
)
from training.evaluation import Predictions, predict
from training.material import Sounds

APART = Comparison(200, 3.0, 3.0, 0.5, 0.4, 0.9)


def silent(_what: str) -> None:
    """Nobody watches."""


def wrong_answers(of: Witness) -> Predictions:
    right = right_answers(of)
    return replace(right, logits=np.roll(right.logits, 1, axis=1))


@pytest.fixture
def fold1(sounds: Sounds) -> Witness:
    return witness(sounds, 1)


def test_equal_graphs_pass(fold1: Witness) -> None:
    assert verdict_of(told_by(fold1)).failures == []


@pytest.mark.parametrize("name", NAMES)
def test_held_out_sounds_alone_break_the_gate(fold1: Witness, name: str) -> None:
    told = told_by(fold1)
    verdict = verdict_of(replace(told, found=told.found | {name: wrong_answers(fold1)}))
    assert verdict.failures
    assert all(sentence.startswith(f"{name}, on held-out sounds: ") for sentence in verdict.failures)


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_to_ship_alone_break_the_gate(fold1: Witness, name: str) -> None:
    verdict = verdict_of(told_by(fold1))
    verdict = replace(verdict, own=verdict.own | {name: APART})
    assert verdict.failures
    assert all(sentence.startswith(f"{name}, with the weights to ship: ") for sentence in verdict.failures)


@pytest.mark.parametrize("name", [FLOAT_GRAPH, HALF_GRAPH])
def test_hostile_signals_alone_break_the_gate(fold1: Witness, name: str) -> None:
    verdict = verdict_of(told_by(fold1))
    verdict = replace(verdict, hostile=verdict.hostile | {name: APART})
    assert verdict.failures
    assert all(sentence.startswith(f"{name}, on hostile signals: ") for sentence in verdict.failures)


def test_a_graph_that_fails_on_one_fold_of_two_fails(sounds: Sounds) -> None:
    first, second = (told_by(witness(sounds, fold)) for fold in (1, 2))
    verdict = verdict_of(first, replace(second, found=second.found | {INT8_GRAPH: wrong_answers(second.witness)}))
    assert verdict.held_out[INT8_GRAPH].windows == 16
    assert verdict.failures == [
        f"{INT8_GRAPH}, on held-out sounds: accuracy is 50.00 points lower, more than 0.5",
    ]


def test_folds_are_the_parts_that_are_calibrated_against_each_other(sounds: Sounds) -> None:
    verdict = verdict_of(*(told_by(witness(sounds, fold)) for fold in (4, 2)))
    assert verdict.folds == (4, 2)
    assert verdict.parts.tolist() == [4] * 8 + [2] * 8


def test_parts_of_a_single_fold_share_no_recording(sounds: Sounds) -> None:
    clips = tuple(replace(clip, source=f"tape {number // 3}") for number, clip in enumerate(sounds.dataset.clips))
    taped = replace(sounds, dataset=replace(sounds.dataset, clips=clips))
    told = told_by(witness(taped, 1))
    parts = verdict_of(told).parts
    by_tape: dict[str, set[int]] = {}
    for clip, part in zip(told.wanted.clips, parts, strict=True):
        by_tape.setdefault(clips[clip].source, set()).add(int(part))
    assert len(by_tape) == 3
    assert all(len(found) == 1 for found in by_tape.values())
    assert len(set(parts)) == 3


def test_a_single_fold_has_five_parts(fold1: Witness) -> None:
    assert set(verdict_of(told_by(fold1)).parts) == set(range(5))


def test_distances_are_from_what_the_witness_of_the_fold_has_learned(sounds: Sounds) -> None:
    first, second = (told_by(witness(sounds, fold)) for fold in (1, 2))
    turned = EmbeddingStatistics(SPHERE.whitening, np.eye(WIDTH, dtype=np.float32)[-1:])
    distances = verdict_of(first, replace(second, learned=turned)).distances
    assert distances[1] == pytest.approx(np.zeros(8), abs=1e-3)
    assert distances[2] == pytest.approx(np.full(8, np.sqrt(2)), abs=1e-3)


def test_sounds_that_a_graph_puts_far_away_are_called_new_by_it(fold1: Witness) -> None:
    told = told_by(fold1)
    embedding = told.wanted.embedding.copy()
    embedding[:2] = np.eye(WIDTH, dtype=np.float32)[-1]
    strange = replace(told.wanted, embedding=embedding)
    verdict = verdict_of(replace(told, found=told.found | {INT8_GRAPH: strange}))
    assert verdict.novelty.percentile == 95
    assert verdict.called_new(FLOAT_GRAPH) == 0
    assert verdict.called_new(INT8_GRAPH) == 0.25
    assert verdict.parity()[INT8_GRAPH].called_new == 0.25


def test_the_manifest_is_told_what_was_measured_of_whom(fold1: Witness) -> None:
    told = told_by(fold1)
    verdict = verdict_of(replace(told, found=told.found | {INT8_GRAPH: wrong_answers(fold1)}))
    verdict = replace(verdict, own=verdict.own | {HALF_GRAPH: APART}, hostile=verdict.hostile | {FLOAT_GRAPH: APART})
    parity = verdict.parity()
    assert list(parity) == list(NAMES)
    assert (parity[INT8_GRAPH].windows, parity[INT8_GRAPH].accuracy, parity[INT8_GRAPH].max_delta) == (8, 0, 5)
    assert (parity[HALF_GRAPH].own_windows, parity[HALF_GRAPH].own_max_delta) == (200, 3)
    assert [found.hostile_max_delta for found in parity.values()] == [3, 0, 0]
    assert {found.folds for found in parity.values()} == {(1,)}


def test_a_witness_and_its_graphs_answer_the_sounds_it_has_not_heard(fold1: Witness) -> None:
    graphs = {FLOAT_GRAPH: linear_graph()}
    said: list[str] = []
    told = testimony.testify(fold1, graphs, said.append)
    waves = np.concatenate(list(fold1.material.held_out.waves(3)))
    logits, embedding = Session(graphs[FLOAT_GRAPH])(waves)
    assert told.found[FLOAT_GRAPH].logits == pytest.approx(logits, abs=1e-3)
    assert told.found[FLOAT_GRAPH].embedding == pytest.approx(embedding, abs=1e-3)
    assert told.found[FLOAT_GRAPH].clips.tolist() == fold1.material.held_out.clips.tolist()
    assert told.wanted.logits.shape == (8, CLASSES)
    assert told.learned.means.shape == (CLASSES, WIDTH)
    assert all(sentence.startswith("fold 1: ") for sentence in said)


def test_what_was_learned_is_seen_through_the_graph_that_is_shipped(fold1: Witness) -> None:
    learned = statistics_of(fold1, {FLOAT_GRAPH: linear_graph()}, silent)
    embedding = ask(linear_graph(), fold1.material.train).embedding
    assert np.sqrt(np.square(learned.distance(embedding)).mean()) < 1.1


@pytest.mark.parametrize("accuracy", [0.75, 1.0])
def test_a_witness_whose_answers_are_not_those_of_its_training_is_refused(sounds: Sounds, accuracy: float) -> None:
    stranger = witness(sounds, 1, metrics={"accuracy": accuracy})
    found = predict(stranger.model, stranger.material.held_out, torch.device("cpu")).accuracy
    assert found == 0.25  # of eight windows two may be others
    with pytest.raises(EarshotError, match=f"^fold 1: {found:.2%} of the answers are right, {accuracy:.2%} were"):
        testimony.testify(stranger, {}, silent)


@pytest.mark.parametrize("windows", [0, 2])
def test_a_witness_may_waver_by_two_windows(sounds: Sounds, windows: int) -> None:
    of = witness(sounds, 1)
    found = predict(of.model, of.material.held_out, torch.device("cpu")).accuracy
    known = witness(sounds, 1, metrics={"accuracy": found + windows / 8})
    assert testimony.testify(known, {FLOAT_GRAPH: linear_graph()}, silent).wanted.accuracy == found


def test_graphs_are_held_against_their_own_model_on_sounds_it_has_heard(fold1: Witness) -> None:
    found = compare_on_own_sounds(fold1, {FLOAT_GRAPH: linear_graph()})[FLOAT_GRAPH]
    train = fold1.material.train
    wanted = predict(fold1.model, train, torch.device("cpu"))
    assert found.windows == len(train) == 32
    assert found.accuracy_float == wanted.accuracy
    assert found == compare(wanted.logits, ask(linear_graph(), train).logits, train.labels)


def test_graphs_are_held_against_their_own_model_on_hostile_signals() -> None:
    found = compare_on_hostile_signals(untrained(), {FLOAT_GRAPH: linear_graph()}, SAMPLES)[FLOAT_GRAPH]
    assert found.windows == 8
    assert found.accuracy_float == 1
    assert found.max_delta > 1
