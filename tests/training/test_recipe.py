"""Recipes: what ships is valid, every field can be overridden, and mistakes are named."""

from pathlib import Path

import pytest

from training.recipe import Recipe, RecipeError, flat_fields, load_recipe, shipped_recipes


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_are_valid_and_called_like_their_file(name: str) -> None:
    assert load_recipe(name).name == name


def test_a_field_is_overridden_by_its_dotted_name() -> None:
    recipe = load_recipe("esc50-resnet", ["loop.epochs=3", "model.widths=[8, 16]", "model.blocks=[1, 1]"])
    assert recipe.loop.epochs == 3
    assert recipe.model.widths == (8, 16)


def test_text_needs_no_quotes() -> None:
    assert load_recipe("esc50-resnet", ["loss.kind=bce"]).loss.kind == "bce"


OTHER_CHOICE = {"logmel": "mfcc", "pool4": "conv1", "auto": "fp32", "cross_entropy": "bce", "wave": "spectrogram",
                "mean": "zero"}  # fmt: skip


def changed(value: object) -> object:
    """Another value that the same field may have."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return value * 0.9 + 0.003 if value >= 0 else value * 0.9
        case str():
            return OTHER_CHOICE.get(value, value + "x")
        case [first, *rest]:
            return [changed(first), *rest] if not isinstance(first, str) else ["3/4", *rest]
    return value


@pytest.mark.parametrize("name", flat_fields(load_recipe("esc50-resnet")))
def test_every_field_can_be_overridden(name: str) -> None:
    before = flat_fields(load_recipe("esc50-resnet"))
    special = {
        "labels": ["dog", "rain"],
        "model.inner": [[8], [8, 16], [8, 16], [8, 16]],
        "wave_augment.reverb.impulses": "rooms",
        "loop.pieces": [[0.3, 1.0], [0.6, 2.5]],
    }
    wanted = special[name] if name in special else changed(before[name])
    assert wanted != before[name]
    after = flat_fields(load_recipe("esc50-resnet", [f"{name}={_as_toml(wanted)}"]))
    assert after == before | {name: wanted}


def test_whole_windows_in_place_of_pieces() -> None:
    recipe = load_recipe("esc50-resnet")
    whole = load_recipe("esc50-resnet", ["loop.pieces=[]"])
    assert recipe.loop.pieces
    assert recipe.with_whole_windows() == whole


def test_a_recipe_survives_json() -> None:
    recipe = load_recipe("esc50-resnet")
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("loop.epochs", "expected section.field=value"),
        ("loop.pieces=[[0.5, 6.0]]", "loop.pieces: 6 s is longer than the window of 5 s"),
        ("loop.pieces=[[0.5, 0.01]]", "loop.pieces: 0.01 s is shorter than one frame"),
        ("loop.pieces=[[0.5, 2.0], [0.5, 3.0]]", "loop: pieces: each must end later than the one before"),
        ("loop.epochs=0", "loop.epochs: .*greater than or equal to 1"),
        ("loop.epoch=3", "loop.epoch: no such field; did you mean loop.epochs?"),
        ("=3", "no field is named"),
        ("optimiser.lr=inf", "optimiser.lr: "),
        ("front_end.hop=2000", r"hop \(2000\) must not exceed n_fft \(1024\)"),
        ("name.first=a", "name is a value, not a section"),
        ("front_end.fmax=20000", "above half of audio.sample_rate"),
        ("front_end.fmin=17000", "fmin .* must lie below fmax"),
        ("audio.seconds=0.01", "shorter than one frame"),
        ("model.blocks=[1]", "same length"),
        ("model.inner=[[8, 8], [8, 8]]", "must name a width for each block of each stage"),
        ("model.inner=[[8], [8], [8], [8]]", "must name a width for each block of each stage"),
        ("model.inner=[[8, 8], [8, 8], [8, 8], [8, 0]]", "model.inner.3.1: .*greater than or equal to 1"),
        ("optimiser.betas=[1.5, 0.9]", "optimiser.betas.0: .*less than 1"),
        ("model.widths=[0, 1, 1, 1]", "greater than or equal to 1"),
        ('labels=["dog", "dog"]', "must not name a class twice"),
    ],
)
def test_mistakes_are_named(override: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        load_recipe("esc50-resnet", [override])


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(RecipeError, match=r"loop.epochs: .*; loop.seed: "):
        load_recipe("esc50-resnet", ["loop.epochs=0", "loop.seed=-1"])


def test_a_missing_file_is_named() -> None:
    with pytest.raises(RecipeError, match=r"no file mine\.toml"):
        load_recipe("mine.toml")


def test_any_file_name_makes_a_name(tmp_path: Path) -> None:
    (tmp_path / "My Recipe.toml").touch()
    assert load_recipe(str(tmp_path / "My Recipe.toml")).name == "my-recipe"


def test_an_unknown_recipe_lists_those_there_are() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'nonsense'.*esc50-resnet"):
        load_recipe("nonsense")


def test_a_recipe_may_be_any_toml_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[loop]\nepochs = 7\n")
    recipe = load_recipe(str(tmp_path / "mine.toml"))
    assert (recipe.name, recipe.loop.epochs) == ("mine", 7)


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("epochs: 7")
    with pytest.raises(RecipeError, match=r"bad\.toml is not TOML"):
        load_recipe(str(tmp_path / "bad.toml"))


def _as_toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
