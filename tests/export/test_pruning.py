"""Pruning takes what matters least, as much as was asked; what remains is a model like any other."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from export.pruning import PruningError, fine_tune, importances, prune
from tests.training.conftest import TINY
from training.checkpoint import MODEL_FILE, ModelFacts, build_classifier, load_model, operations, save_model
from training.evaluation import predict
from training.loop import Run
from training.material import Material, Sounds, load_sounds
from training.model import Classifier, multiply_accumulates
from training.observers import Observer, StepReport
from training.recipe import Recipe

CPU = torch.device("cpu")
RECIPE = Recipe.model_validate(
    TINY.model_dump()
    | {
        "model": {"widths": [16, 32, 32], "blocks": [1, 2, 1]},
        "mixing": {"none": 1},
        "loop": {"epochs": 10, "batch_size": 8},
    }
)
ALL = operations(RECIPE, 4)
ONE_CUT = [((8,), (32, 32), (32,)), ((16,), (24, 32), (32,)), ((16,), (32, 24), (32,)), ((16,), (32, 32), (24,))]


class Witness(Observer):
    """Remembers what a run learned from, and how well it did."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def started(self, run: Run) -> None:
        self.learned_from = {run.material.folds[clip] for clip in run.material.train.clips}
        self.recipe = run.recipe

    def stepped(self, report: StepReport) -> None:
        self.losses.append(float(report.loss))


@pytest.fixture(scope="module")
def pruning_sounds(esc10_mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Sounds:
    return load_sounds(esc10_mini, RECIPE, cache_folder=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def pruning_folder(pruning_sounds: Sounds, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that held fold 1 out."""
    folder = tmp_path_factory.mktemp("run")
    Run(RECIPE, pruning_sounds.split(frozenset({1})), folder, CPU).train()
    return folder


@pytest.fixture
def trained(pruning_folder: Path) -> tuple[Classifier, ModelFacts]:
    return load_model(pruning_folder / MODEL_FILE)


def without_fold_1(sounds: Sounds) -> Material:
    return sounds.split(frozenset({1}))


def flat(facts: ModelFacts) -> list[int]:
    return [width for stage in facts.recipe.model.inner_widths for width in stage]


def with_inner(facts: ModelFacts, inner: tuple[tuple[int, ...], ...]) -> ModelFacts:
    model = facts.recipe.model.model_copy(update={"inner": inner})
    return facts.model_copy(update={"recipe": facts.recipe.model_copy(update={"model": model})})


def waves() -> Tensor:
    return torch.randn(3, RECIPE.audio.window_samples, generator=torch.Generator().manual_seed(0)) * 0.1


@torch.no_grad()
def kill(model: Classifier, block: str, channels: Tensor) -> None:
    """Let these channels say nothing any more."""
    norm = model.network.get_submodule(f"{block}.bn1")
    assert isinstance(norm, torch.nn.BatchNorm2d)
    norm.weight[channels] = norm.bias[channels] = 0


def test_channels_that_say_nothing_go_first_and_nothing_changes(
    trained: tuple[Classifier, ModelFacts], pruning_sounds: Sounds
) -> None:
    model, facts = trained
    dead = torch.randperm(32, generator=torch.Generator().manual_seed(1))[:16]
    kill(model, "layer2.block2", dead)
    kill(model, "layer3.block1", dead[:8])
    inner = ((16,), (32, 16), (24,))
    share = 1 - operations(with_inner(facts, inner).recipe, 4) / ALL
    train = without_fold_1(pruning_sounds).train
    silent = importances(model, facts.recipe, train, CPU)[2] == 0
    assert silent.nonzero().flatten().tolist() == sorted(dead.tolist())
    pruned, said = prune(model, facts, train, share * 0.999, CPU)
    assert said.recipe.model.inner == inner
    assert torch.allclose(pruned(waves()).logits, model.eval()(waves()).logits, atol=1e-5)
    assert torch.allclose(pruned(waves()).embedding, model(waves()).embedding, atol=1e-5)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_as_many_operations_go_as_were_asked(
    trained: tuple[Classifier, ModelFacts], pruning_sounds: Sounds, share: float
) -> None:
    model, facts = trained
    pruned, said = prune(model, facts, without_fold_1(pruning_sounds).train, share, CPU)
    largest_cut = max(1 - operations(with_inner(facts, inner).recipe, 4) / ALL for inner in ONE_CUT)
    gone = 1 - operations(said.recipe, 4) / ALL
    assert share <= gone < share + largest_cut
    assert all(width >= 8 and width % 8 == 0 for width in flat(said))
    assert pruned(waves()).embedding.shape == (3, 32)
    assert not pruned.training


def test_operations_are_those_of_the_real_network() -> None:
    model = build_classifier(RECIPE, 4).eval()
    assert multiply_accumulates(model.network, model.frontend(waves()[:1])) == ALL


def test_neither_the_model_nor_its_facts_are_touched(
    trained: tuple[Classifier, ModelFacts], pruning_sounds: Sounds
) -> None:
    model, facts = trained
    model.requires_grad_(requires_grad=False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    _, said = prune(model, facts, without_fold_1(pruning_sounds).train, 0.2, CPU)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in model.parameters())
    assert facts.recipe == RECIPE
    assert facts.metrics
    assert not said.metrics  # they were those of the whole model


def test_the_same_channels_go_each_time(trained: tuple[Classifier, ModelFacts], pruning_sounds: Sounds) -> None:
    model, facts = trained
    train = without_fold_1(pruning_sounds).train
    first, second = (prune(model, facts, train, 0.3, CPU)[0](waves()).logits for _ in range(2))
    assert torch.equal(first, second)


def test_a_pruned_model_is_an_ordinary_checkpoint(
    trained: tuple[Classifier, ModelFacts], pruning_sounds: Sounds, tmp_path: Path
) -> None:
    model, facts = trained
    train = without_fold_1(pruning_sounds).train
    pruned, said = prune(model, facts, train, 0.2, CPU)
    save_model(tmp_path / "m.safetensors", pruned, said)
    again, told = load_model(tmp_path / "m.safetensors")
    assert told == said
    assert torch.equal(pruned(waves()).logits, again(waves()).logits)
    _, twice = prune(again, told, train, 0.2, CPU)
    assert operations(twice.recipe, 4) <= 0.8 * operations(said.recipe, 4)


def test_odd_widths_become_multiples_and_narrow_blocks_stay(pruning_sounds: Sounds) -> None:
    recipe = Recipe.model_validate(RECIPE.model_dump() | {"model": {"widths": [6, 20, 20], "blocks": [1, 1, 1]}})
    labels = pruning_sounds.dataset.labels
    facts = ModelFacts(
        recipe=recipe, labels=labels, dataset="esc", held_out_folds=(1,), epochs=0, commit="abc"
    )  # fmt: skip
    model = build_classifier(recipe, len(labels))
    _, said = prune(model, facts, without_fold_1(pruning_sounds).train, 0.3, CPU)
    assert flat(said)[0] == 6
    assert set(flat(said)[1:]) <= {8, 16, 20}
    assert operations(said.recipe, 4) <= 0.7 * operations(recipe, 4)


@pytest.mark.parametrize("share", [0, 1, -0.3, 30, math.nan])
def test_a_share_is_a_share(trained: tuple[Classifier, ModelFacts], pruning_sounds: Sounds, share: float) -> None:
    with pytest.raises(PruningError, match="expected a share between 0 and 1"):
        prune(*trained, without_fold_1(pruning_sounds).train, share, CPU)


def test_what_cannot_be_reached_is_said(trained: tuple[Classifier, ModelFacts], pruning_sounds: Sounds) -> None:
    with pytest.raises(PruningError, match=r"--prune 0.99: at most \d\d% of the operations of tiny can go"):
        prune(*trained, without_fold_1(pruning_sounds).train, 0.99, CPU)


def test_fine_tuning_mends_and_never_hears_the_fold_held_out(
    trained: tuple[Classifier, ModelFacts], pruning_sounds: Sounds, tmp_path: Path
) -> None:
    model, facts = trained
    train = without_fold_1(pruning_sounds).train
    pruned, said = prune(model, facts.model_copy(update={"teachers": ("abc",)}), train, 0.4, CPU)
    witness = Witness()
    tuned, told = fine_tune(pruned, said, without_fold_1(pruning_sounds), tmp_path, CPU, 6, [witness])
    assert witness.learned_from == {2, 3, 4, 5}
    assert predict(tuned, train, CPU).loss < predict(pruned, train, CPU).loss
    assert np.mean(witness.losses[-4:]) < np.mean(witness.losses[:4])
    assert witness.recipe.optimiser.lr < facts.recipe.optimiser.lr
    assert (told.recipe, told.teachers) == (said.recipe, ("abc",))
    assert told.held_out_folds == (1,)
    assert told.epochs == 16
    assert told.metrics["accuracy"] == predict(tuned, without_fold_1(pruning_sounds).held_out, CPU).accuracy
    assert torch.equal(tuned.frontend.mean, model.frontend.mean)  # the network was trained on pictures of this scale
    assert load_model(tmp_path / MODEL_FILE)[1] == told
