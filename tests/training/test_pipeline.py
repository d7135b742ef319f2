"""Batches: each window once an epoch, every draw decided by seed and step alone."""

from itertools import pairwise

import pytest
import torch

from training.material import Material
from training.pipeline import Pipeline, as_waves, seed_for
from training.recipe import Recipe

CPU = torch.device("cpu")


@pytest.fixture
def pipeline(material: Material, tiny: Recipe) -> Pipeline:
    return Pipeline(material.train, tiny, CPU)


def plain(recipe: Recipe, **loop: object) -> Recipe:
    """Without augmentation."""
    content = recipe.model_dump(exclude={"wave_augment", "mixing"})
    content["loop"] |= loop
    return Recipe.model_validate(content)


def test_an_epoch_shows_each_window_once(material: Material, tiny: Recipe) -> None:
    pipeline = Pipeline(material.train, plain(tiny), CPU)
    seen = torch.cat([batch.waves for batch in pipeline.batches(0, pipeline.steps_per_epoch)])
    expected = as_waves(material.train.samples[material.train.windows], CPU)
    assert len(seen) == len(expected) == 32
    assert torch.equal(seen.sum(1).sort().values, expected.sum(1).sort().values)


def test_each_epoch_has_its_own_order(material: Material, tiny: Recipe) -> None:
    pipeline = Pipeline(material.train, plain(tiny), CPU)
    assert not torch.equal(pipeline.batch(0).waves, pipeline.batch(pipeline.steps_per_epoch).waves)


def test_a_batch_depends_on_its_step_alone(pipeline: Pipeline) -> None:
    in_order = list(pipeline.batches(0, 6))
    for step in (5, 2, 0):
        again = pipeline.batch(step)
        assert torch.equal(again.waves, in_order[step].waves)
        assert torch.equal(again.mix.weight, in_order[step].mix.weight)
        assert torch.equal(again.rng.get_state(), in_order[step].rng.get_state())


def test_made_ahead_or_in_turn_batches_are_the_same(pipeline: Pipeline) -> None:
    for ahead, in_turn in zip(pipeline.made_ahead(1, 5), pipeline.batches(1, 5), strict=True):
        assert torch.equal(ahead.waves, in_turn.waves)


def test_another_seed_draws_otherwise(material: Material, tiny: Recipe) -> None:
    first, second = (Pipeline(material.train, plain(tiny, seed=seed), CPU).batch(0).waves for seed in (0, 1))
    assert not torch.equal(first, second)


def test_the_run_begins_with_pieces_and_ends_with_whole_windows(material: Material, tiny: Recipe) -> None:
    pipeline = Pipeline(material.train, plain(tiny, pieces=[[0.25, 1.0], [0.5, 2.5]]), CPU)
    assert pipeline.total_steps == 16
    lengths = [batch.waves.shape[1] / 16000 for batch in pipeline.batches(0, 16)]
    assert lengths == [1.0] * 4 + [2.5] * 4 + [5.0] * 8


def test_the_last_steps_may_hear_each_sound_alone(material: Material, tiny: Recipe) -> None:
    mixed = Recipe.model_validate(tiny.model_dump() | {"mixing": {"none": 0, "cut_time": 1, "until": 0.75}})
    kinds = [batch.mix.kind for batch in Pipeline(material.train, mixed, CPU).batches(0, 16)]
    assert kinds == ["cut_time"] * 12 + ["none"] * 4


def test_pieces_are_cut_where_their_windows_are_loud(material: Material, tiny: Recipe) -> None:
    def energy(draws: int) -> float:
        pipeline = Pipeline(material.train, plain(tiny, pieces=[[0.9, 0.5]], piece_draws=draws), CPU)
        return float(torch.cat([batch.waves for batch in pipeline.batches(0, 8)]).square().mean())

    assert energy(1) < energy(4) < energy(16)


def test_labels_go_with_their_sounds(material: Material, tiny: Recipe) -> None:
    batch = Pipeline(material.train, plain(tiny), CPU).batch(3)
    waves = as_waves(material.train.samples[material.train.windows], CPU)
    for wave, label in zip(batch.waves, batch.labels, strict=True):
        equal = (waves == wave).all(1).numpy()
        assert label in material.train.labels[equal]  # padded silence is the end of more than one clip


def test_a_set_smaller_than_a_batch_is_one_batch(material: Material, tiny: Recipe) -> None:
    pipeline = Pipeline(material.held_out, plain(tiny, batch_size=1000), CPU)
    assert (pipeline.steps_per_epoch, pipeline.batch_size) == (1, len(material.held_out))


def test_leaving_early_leaves_no_thread_behind(pipeline: Pipeline) -> None:
    import threading

    before = threading.active_count()
    batches = pipeline.made_ahead(0, 1000)
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_an_error_in_the_pipeline_reaches_the_loop(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(step: int) -> None:
        raise RuntimeError(f"step {step}")

    monkeypatch.setattr(pipeline, "batch", fail)
    with pytest.raises(RuntimeError, match="step 4"):
        list(pipeline.made_ahead(4, 9))


def test_seeds_of_neighbouring_keys_have_nothing_in_common() -> None:
    seeds = [seed_for(0, 1, step) for step in range(100)]
    assert len(set(seeds)) == 100
    assert min(abs(a - b) for a, b in pairwise(sorted(seeds))) > 1000
