"""A narrower network: channels inside of the residual blocks that matter least are cut out, then the rest is tuned.

Only what lies between the two convolutions of a block is cut (outputs of `conv1`, `bn1`, inputs of `conv2`). So the
stream that runs past all blocks keeps its width, and with it the embedding its size and every layer its name. What
remains is an ordinary model, smaller and dense: `model.inner` in its recipe says how wide each block is.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import torch
from torch import Tensor

from contract.errors import EarshotError
from training.checkpoint import MODEL_FILE, ModelFacts, build_classifier, load_model, operations, save_model
from training.loop import Run, pictures_of
from training.losses import loss_of, targets_of
from training.material import Material, WindowSet
from training.model import Block, Classifier
from training.observers import Observer
from training.pipeline import Pipeline
from training.recipe import Recipe

FINE_TUNING_EPOCHS = 5
_WINDOWS = 512  # the order of the channels is steady long before
_MULTIPLE = 8  # lanes of AVX2, half a row of a tensor core: a width in between costs as much as the next multiple
_GENTLER = 0.1  # times the learning rate of the training: to mend, not to learn anew


class PruningError(EarshotError):
    """A model cannot be pruned as asked; the message says what can be."""


@dataclass(frozen=True)
class _Cut:
    """Some channels of one block that may go, when all that matter less have gone."""

    block: int
    channels: int
    operations: int
    cost: float
    """What the cut is estimated to cost for each operation that it saves: see `importances`."""


def unpruned(recipe: Recipe) -> Recipe:
    """The recipe before its blocks were narrowed."""
    return recipe.model_copy(update={"model": recipe.model.model_copy(update={"inner": ()})})


def prune(
    model: Classifier,
    facts: ModelFacts,
    windows: WindowSet,
    share: float,
    device: torch.device,
) -> tuple[Classifier, ModelFacts]:
    """A copy without the channels that matter least, on the CPU, and what it says of itself. Not yet fine-tuned.

    `share` is that of the network's multiply-accumulates that go: at least so many, and at most one group of eight
    channels more. Which channels: all blocks are compared with each other, by how much the loss is estimated to
    change per operation saved. A block keeps a multiple of eight, at least eight; one that is as narrow stays.

    `windows` are what the model was trained on: the estimate is made on some hundred of them.
    """
    widths = [width for stage in facts.recipe.model.inner_widths for width in stage]
    _require_possible(facts, widths, share)
    scores = importances(model, facts.recipe, windows, device)
    goal = share * operations(facts.recipe, len(facts.labels))
    for cut in _cuts(facts, widths, scores):
        if goal <= 0:
            break
        goal -= cut.operations
        widths[cut.block] -= cut.channels
    recipe = _with_inner(facts.recipe, widths)
    pruned = build_classifier(recipe, len(facts.labels))
    pruned.load_state_dict(_narrowed(model, scores, widths))
    return pruned.eval(), facts.model_copy(update={"recipe": recipe, "metrics": {}})


def fine_tune(
    model: Classifier,
    facts: ModelFacts,
    material: Material,
    folder: Path,
    device: torch.device,
    epochs: int = FINE_TUNING_EPOCHS,
    observers: Sequence[Observer] = (),
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Classifier, ModelFacts]:
    """The model after a short and gentle run in this folder, on the CPU; judged on the folds that it has not heard.

    It learns from what it has learned from before, never from folds held out. Its facts keep the recipe and the
    teachers of the whole training; epochs are the sum of both.
    """
    run = Run(_gentle(facts.recipe, epochs), material, folder, device, start=model)
    run.train(observers, stop)
    tuned, told = load_model(folder / MODEL_FILE)
    told = told.model_copy(
        update={
            "recipe": facts.recipe,
            "teachers": facts.teachers,
            "epochs": facts.epochs + told.epochs,
            "commit": facts.commit,
        }
    )
    save_model(folder / MODEL_FILE, tuned, told)
    return tuned, told


def importances(model: Classifier, recipe: Recipe, windows: WindowSet, device: torch.device) -> list[Tensor]:
    """For each block, how much the loss would change without each of its inner channels.

    The first-order Taylor estimate (Molchanov et al., 2017 and 2019): activation × gradient, summed over a picture,
    is what the loss of this clip would change by; squared, and averaged over clips as training hears them.
    """
    asked = copy.deepcopy(model).to(device).eval().requires_grad_()
    activations: list[Tensor] = []
    blocks = _blocks(asked)
    for block in blocks.values():
        block.relu1.register_forward_hook(lambda _module, _inputs, output: activations.append(output))
    pipeline = Pipeline(windows, recipe.with_whole_windows(), device)
    totals = [torch.zeros(block.bn1.num_features, device=device) for block in blocks.values()]
    steps = min(pipeline.steps_per_epoch, max(1, _WINDOWS // pipeline.batch_size))
    for batch in pipeline.batches(0, steps):
        activations.clear()
        logits = asked.network(pictures_of(batch, asked.frontend, recipe)).logits
        targets = targets_of(batch.labels, batch.mix, logits.shape[1], recipe.loss)
        gradients = torch.autograd.grad(loss_of(logits, targets, recipe.loss), activations)
        for total, activation, gradient in zip(totals, activations, gradients, strict=True):
            total.add_((activation.detach() * gradient).sum((2, 3)).square().sum(0))
    return [total.cpu() for total in totals]


def _require_possible(facts: ModelFacts, widths: list[int], share: float) -> None:
    if not 0 < share < 1:
        raise PruningError(f"--prune {share:g}: expected a share between 0 and 1, as in 0.3")
    narrowest = _with_inner(facts.recipe, [min(width, _MULTIPLE) for width in widths])
    most = 1 - operations(narrowest, len(facts.labels)) / operations(facts.recipe, len(facts.labels))
    if share > most:
        raise PruningError(
            f"--prune {share:g}: at most {most:.0%} of the operations of {facts.recipe.name} can go, "
            f"for {_MULTIPLE} channels stay in each block"
        )


def _cuts(facts: ModelFacts, widths: list[int], scores: list[Tensor]) -> list[_Cut]:
    """All that may go, what matters least first."""
    cuts = []
    for block, (width, score) in enumerate(zip(widths, scores, strict=True)):
        if width <= _MULTIPLE:
            continue
        each = _operations_of_a_channel(facts, widths, block)
        weakest_first = score.sort().values
        for more, fewer in pairwise([width, *range((width - 1) // _MULTIPLE * _MULTIPLE, 0, -_MULTIPLE)]):
            cost = float(weakest_first[width - more : width - fewer].mean()) / each
            cuts.append(_Cut(block, more - fewer, (more - fewer) * each, cost))
    return sorted(cuts, key=lambda cut: cut.cost)  # within a block they are in order already


def _operations_of_a_channel(facts: ModelFacts, widths: list[int], block: int) -> int:
    """Each of a block's inner channels costs the same."""
    without_one = [width - (number == block) for number, width in enumerate(widths)]
    recipes = (facts.recipe, _with_inner(facts.recipe, without_one))
    with_it, without = (operations(recipe, len(facts.labels)) for recipe in recipes)
    return with_it - without


def _with_inner(recipe: Recipe, widths: Sequence[int]) -> Recipe:
    rest = iter(widths)
    inner = tuple(tuple(islice(rest, count)) for count in recipe.model.blocks)
    return recipe.model_copy(update={"model": recipe.model.model_copy(update={"inner": inner})})


def _narrowed(model: Classifier, scores: list[Tensor], widths: list[int]) -> dict[str, Tensor]:
    """The model's weights, without those of the channels that go."""
    tensors = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    for name, score, width in zip(_blocks(model), scores, widths, strict=True):
        kept = score.topk(width).indices.sort().values
        for of_channel in ("conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"):
            tensors[f"{name}.{of_channel}"] = tensors[f"{name}.{of_channel}"][kept]
        tensors[f"{name}.conv2.weight"] = tensors[f"{name}.conv2.weight"][:, kept]
    return tensors


def _blocks(model: Classifier) -> dict[str, Block]:
    """By name, in the order of the recipe's widths."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Block)}


def _gentle(recipe: Recipe, epochs: int) -> Recipe:
    """The same augmentation, of whole windows, a low rate, few epochs; no patience: so short a schedule must end."""
    optimiser = recipe.optimiser.model_copy(update={"lr": recipe.optimiser.lr * _GENTLER})
    loop = recipe.with_whole_windows().loop.model_copy(update={"epochs": epochs, "patience": 0})
    return recipe.model_copy(update={"optimiser": optimiser, "loop": loop})
