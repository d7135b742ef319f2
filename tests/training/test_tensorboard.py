"""What TensorBoard is given, read back with TensorBoard's own reader."""

from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.checkpoint import STATE_FILE, load_state
from training.loop import Interrupted, Run
from training.material import Material
from training.recipe import Recipe
from training.tensorboard import TensorBoardObserver

CPU = torch.device("cpu")


def log_of(folder: Path) -> EventAccumulator:
    log = EventAccumulator(str(folder), {"images": 0, "scalars": 0, "audio": 0})
    log.Reload()
    return log


@pytest.fixture(scope="module")
def log(tiny: Recipe, material: Material, tmp_path_factory: pytest.TempPathFactory) -> EventAccumulator:
    folder = tmp_path_factory.mktemp("run")
    Run(tiny, material, folder, CPU).train([TensorBoardObserver(folder)])
    return log_of(folder)


def test_curves_of_both_sides(log: EventAccumulator) -> None:
    tags = set(log.Tags()["scalars"])
    training = {"loss", "accuracy", "gradient_norm", "learning_rate", "clips_per_second"}
    assert {f"train/{name}" for name in training} | {"held_out/accuracy", "held_out/loss"} <= tags
    assert [event.step for event in log.Scalars("held_out/accuracy")] == [8, 16]


def test_the_rate_rises_and_falls(tiny: Recipe, material: Material) -> None:
    run = Run(tiny, material, Path("unused"), CPU)
    steps = range(run.total_steps)
    rates = [run.learn_from(run.pipeline.batch(step)).learning_rate for step in steps]
    assert max(rates) == pytest.approx(tiny.optimiser.lr, rel=0.05)
    assert rates.index(max(rates)) in {1, 2}  # 15 % of 16 steps
    assert rates[-1] < 0.01 * max(rates)


def test_pictures_and_sounds(log: EventAccumulator) -> None:
    images = set(log.Tags()["images"])
    assert {"held_out/confusion", "held_out_sample/0"} <= images
    assert "held_out_sample/0" in log.Tags()["audio"]
    assert log.Images("held_out/confusion")[0].encoded_image_string.startswith(b"\x89PNG")


def test_the_final_figures_stand_beside_the_hyper_parameters(log: EventAccumulator) -> None:
    assert log.Scalars("final/accuracy")[0].value == pytest.approx(log.Scalars("held_out/accuracy")[-1].value)


@pytest.mark.parametrize("stopped_after", [8, 11])
def test_after_a_resume_no_look_is_lost_or_shown_twice(
    tiny: Recipe, material: Material, tmp_path: Path, stopped_after: int
) -> None:
    steps = iter(range(1, 100))
    with pytest.raises(Interrupted):
        Run(tiny, material, tmp_path, CPU).train(
            [TensorBoardObserver(tmp_path)], stop=lambda: next(steps) == stopped_after
        )
    state = load_state(tmp_path / STATE_FILE)
    Run(tiny, material, tmp_path, CPU, state).train([TensorBoardObserver(tmp_path)])
    curve = [event.step for event in log_of(tmp_path).Scalars("held_out/accuracy")]
    assert curve == [8, 16]
