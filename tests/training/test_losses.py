"""Targets of mixed clips, and the losses against them."""

import torch

from training.augment import Mix
from training.losses import loss_of, targets_of, taught
from training.recipe import LossConfig

LABELS = torch.tensor([0, 1, 2])


def mixed(*weights: float) -> Mix:
    """Each clip mixed with the next one."""
    return Mix("mixup", torch.tensor([1, 2, 0]), torch.tensor(weights), torch.zeros(3))


def test_soft_targets_share_by_weight() -> None:
    targets = targets_of(LABELS, mixed(0.7, 1.0, 0.5), 3, LossConfig(label_smoothing=0))
    assert torch.allclose(targets, torch.tensor([[0.7, 0.3, 0], [0, 1, 0], [0.5, 0, 0.5]]))


def test_smoothing_keeps_the_sum() -> None:
    targets = targets_of(LABELS, mixed(0.7, 1.0, 0.5), 3, LossConfig(label_smoothing=0.3))
    assert torch.allclose(targets.sum(1), torch.ones(3))
    assert torch.allclose(targets[1], torch.tensor([0.1, 0.8, 0.1]))


def test_multi_hot_targets_name_all_that_is_audible() -> None:
    config = LossConfig(kind="bce", label_smoothing=0, drop_weaker_above=0.9)
    targets = targets_of(LABELS, mixed(0.6, 0.95, 0.05), 3, config)
    assert torch.equal(targets, torch.tensor([[1.0, 1, 0], [0, 1, 0], [1, 0, 0]]))


def test_clips_mixed_with_their_own_class_have_one_label() -> None:
    targets = targets_of(torch.zeros(3, dtype=torch.long), mixed(0.7, 0.2, 0.5), 3, LossConfig(label_smoothing=0))
    assert torch.allclose(targets, torch.tensor([1.0, 0, 0]).expand(3, 3))


def test_the_right_answer_costs_less_than_a_wrong_one() -> None:
    for kind in ("cross_entropy", "bce"):
        config = LossConfig.model_validate({"kind": kind})
        targets = targets_of(LABELS, mixed(1, 1, 1), 3, config)
        right = loss_of(5 * torch.eye(3), targets, config)
        wrong = loss_of(5 * torch.eye(3).roll(1, 0), targets, config)
        assert right < wrong


def test_a_teacher_is_believed_for_its_share() -> None:
    targets, said = torch.eye(3), torch.tensor([[2.0, 0, 0], [0, 0, 0], [0, 0, -3]])
    assert torch.equal(taught(targets, said, LossConfig(taught=0)), targets)
    assert torch.allclose(taught(targets, said, LossConfig(taught=0.4)), 0.6 * targets + 0.4 * said.softmax(1))


def test_yes_and_no_of_a_teacher_are_told_apart_for_each_class() -> None:
    said = torch.tensor([[3.0, 3, -3]])
    assert torch.allclose(taught(torch.zeros(1, 3), said, LossConfig(kind="bce", taught=1)), said.sigmoid())
