"""The commands of this room. PyTorch is imported when one runs, so that the others start at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contract.errors import EarshotError
from training.data.commands import CacheOption, DataOption, data_commands

if TYPE_CHECKING:
    import torch

    from training.loop import Run
    from training.material import Sounds
    from training.recipe import Recipe

_DEFAULT_RECIPE = "esc50-resnet"
_CROSSVAL = Path(__file__).parent.parent / "benchmarks" / "results" / "crossval" / _DEFAULT_RECIPE

RecipeArgument = Annotated[str, typer.Argument(help="A recipe's name (see `earshot recipes`) or .toml file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="FIELD=VALUE", help="Override a field: -s loop.epochs=20. Repeatable."),
]
TeachersOption = Annotated[
    list[Path] | None,
    typer.Option(
        help="A run, or the folder of a crossval, to learn from beside the labels: of the models there, those teach "
        "that have not heard the fold held out either. Repeatable."
    ),
]
DeviceOption = Annotated[str | None, typer.Option(help="cpu or cuda. By default the GPU where there is one.")]


def add_training_commands(app: typer.Typer) -> None:
    """Hang the commands of this room into the program."""
    for command in (train, crossval, evaluate, shrink, recipes, throughput):
        app.command()(command)
    app.add_typer(data_commands, name="data")


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="A recipe's name or .toml file.", show_default=_DEFAULT_RECIPE)
    ] = None,
    *,
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder of the run: model, state, predictions, curves.")],
    fold: Annotated[int | None, typer.Option(help="The fold held out, to be judged on.", show_default="1")] = None,
    all_folds: Annotated[bool, typer.Option("--all-folds", help="Hold nothing out: a model to ship.")] = False,
    validation_fold: Annotated[
        int | None, typer.Option(help="One more fold held back, to look at on the way (early stopping).")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out, as it was begun.")] = False,
    teachers: TeachersOption = None,
    overrides: SetOption = None,
    cache: CacheOption = None,
    device: DeviceOption = None,
) -> None:
    """Train a model, and judge it on the fold held out.

    Ctrl-C saves the run; `earshot train --resume --out RUN` goes on with it.
    """
    from training.loop import Run
    from training.precision import device_named
    from training.teachers import find_teachers, keep_teachers

    where = device_named(device)
    if resume:
        if recipe or overrides or all_folds or teachers or fold is not None or validation_fold is not None:
            raise EarshotError(
                "--resume goes on with the recipe, folds and teachers of the run: give it --out and --data only"
            )
        _train_to_the_end(_resumed(out, data, cache, where), data)
        return
    if all_folds and fold is not None:
        raise EarshotError("--all-folds holds nothing out: leave --fold out")
    _make_folder(out)
    _refuse_to_overwrite(out)
    chosen = _recipe(recipe or _DEFAULT_RECIPE, overrides)
    held_out = frozenset() if all_folds else frozenset({1 if fold is None else fold})
    looked_at = frozenset() if validation_fold is None else frozenset({validation_fold})
    material = _sounds(data, chosen, cache).split(held_out, looked_at)
    keep_teachers(find_teachers(teachers or (), chosen, material), out)
    _train_to_the_end(Run(chosen, material, out, where), data)


def crossval(
    recipe: RecipeArgument = _DEFAULT_RECIPE,
    *,
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder of the runs, the predictions and the report.")],
    folds: Annotated[
        str | None, typer.Option(help="Only these folds, as in 1,2,3. By default all that the data has.")
    ] = None,
    teachers: TeachersOption = None,
    overrides: SetOption = None,
    cache: CacheOption = None,
    device: DeviceOption = None,
) -> None:
    """Train once per fold, judge each model on the fold it has not heard, and keep every answer.

    Stopped and started again, it goes on where it was.
    """
    from training.console import ConsoleObserver
    from training.crossval import cross_validate
    from training.crossval_report import write_report
    from training.precision import device_named
    from training.stopping import stopping_politely
    from training.tables import show_crossval
    from training.tensorboard import TensorBoardObserver

    chosen = _recipe(recipe, overrides)
    numbers = None if folds is None else _fold_numbers(folds)
    _make_folder(out)
    sounds = _sounds(data, chosen, cache)

    with stopping_politely(f"the same command goes on with {out}") as stop:
        result = cross_validate(
            chosen,
            sounds,
            numbers,
            out,
            device_named(device),
            lambda fold, folder: (ConsoleObserver(f"fold {fold}"), TensorBoardObserver(folder)),
            stop,
            teachers or (),
        )
    write_report(result, out)
    show_crossval(result)


def evaluate(
    *,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="A model.safetensors, or the folder of a run or a bundle.",
            show_default="the one that comes with Earshot and has not heard the fold",
        ),
    ] = None,
    data: DataOption,
    fold: Annotated[
        int | None,
        typer.Option(help="The fold to judge on. By default the folds that the model has not heard."),
    ] = None,
    per_class: Annotated[bool, typer.Option("--per-class", help="Also each class, the weakest first.")] = False,
    turns: Annotated[
        int,
        typer.Option(min=1, help="Hear each window so often, begun at another place each time: the mean answers."),
    ] = 1,
    predictions: Annotated[Path | None, typer.Option(help="Keep every answer in this Parquet file.")] = None,
    cache: CacheOption = None,
    device: DeviceOption = None,
) -> None:
    """Judge a checkpoint on held-out clips; warns where it has learned from them."""
    from training.checkpoint import load_model, model_file
    from training.evaluation import predict, save_predictions
    from training.precision import device_named
    from training.tables import show_evaluation

    path = model_file(checkpoint) if checkpoint else _shipped_witness(fold)
    model, facts = load_model(path)
    folds = facts.held_out_folds if fold is None else (fold,)
    if not folds:
        raise EarshotError(f"{path} has learned from every fold: name the --fold to ask it about all the same")
    where = device_named(device)
    looked_at = frozenset(facts.validation_folds) - frozenset(folds)
    material = _sounds(data, facts.recipe, cache, facts.labels).split(frozenset(folds), looked_at)
    answers = predict(model.to(where), material.held_out, where, turns)
    if predictions:
        save_predictions(predictions, answers, material.dataset, material.folds)
    show_evaluation(answers, facts, material, per_class)


def shrink(
    checkpoint: Annotated[Path, typer.Argument(help="A model.safetensors, or the folder of a run or a bundle.")],
    out: Annotated[Path, typer.Argument(help="The smaller file.")],
) -> None:
    """Store a model's weights as float16: half the bytes, answers equal but for rounding."""
    from training.checkpoint import load_model, model_file, save_model

    if out.exists():
        raise EarshotError(f"{out} is there already: choose another name")
    model, facts = load_model(model_file(checkpoint))
    save_model(out, model, facts, half=True)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


def recipes(
    name: Annotated[str | None, typer.Argument(help="Write this one in full.")] = None,
    overrides: SetOption = None,
) -> None:
    """List the recipes, or write one in full, every field with its meaning, as a file of your own could look."""
    from training.recipe import shipped_recipes
    from training.tables import show_recipe, show_recipes

    if name is None:
        show_recipes([_recipe(shipped, None) for shipped in shipped_recipes()])
    else:
        show_recipe(_recipe(name, overrides))


def throughput(
    recipe: RecipeArgument = _DEFAULT_RECIPE,
    *,
    data: DataOption,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; each figure is their median.")] = 5,
    overrides: SetOption = None,
    cache: CacheOption = None,
    device: DeviceOption = None,
) -> None:
    """Measure clips/s of the input pipeline alone, and of training."""
    from training.precision import device_named
    from training.tables import show_throughput
    from training.throughput import measure

    chosen = _recipe(recipe, overrides)
    material = _sounds(data, chosen, cache).split(frozenset())
    where = device_named(device)
    show_throughput(measure(chosen, material, where, rounds), where)


def _resumed(out: Path, data: Path, cache: Path | None, device: "torch.device") -> "Run":
    from training.checkpoint import MODEL_FILE, STATE_FILE, load_state
    from training.loop import Run

    if (out / MODEL_FILE).exists():
        raise EarshotError(f"{out} is finished: judge it with earshot evaluate --checkpoint {out}")
    state = load_state(out / STATE_FILE)
    facts = state.facts
    sounds = _sounds(data, facts.recipe, cache)
    material = sounds.split(frozenset(facts.held_out_folds), frozenset(facts.validation_folds))
    return Run(facts.recipe, material, out, device, state)


def _shipped_witness(fold: int | None) -> Path:
    """A model of the shipped cross-validation that has not heard the fold; with none named, the first there is."""
    there = sorted(_CROSSVAL.glob("fold*.safetensors" if fold is None else f"fold{fold}.safetensors"))
    if not there:
        words = "no model of a cross-validation" if fold is None else f"no model that has not heard fold {fold}"
        raise EarshotError(f"{words} comes with Earshot: name one by --checkpoint")
    return there[0]


def _make_folder(out: Path) -> None:
    """Early: what cannot be written must not be found out after an hour."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EarshotError(f"--out {out}: no folder can be made there ({error.strerror})") from error


def _refuse_to_overwrite(out: Path) -> None:
    from training.checkpoint import MODEL_FILE, STATE_FILE

    if any((out / name).exists() for name in (STATE_FILE, MODEL_FILE)):
        raise EarshotError(f"{out} holds a run already: go on with it by --resume, or choose another --out")


def _train_to_the_end(run: "Run", data: Path) -> None:
    from training.console import ConsoleObserver
    from training.stopping import stopping_politely
    from training.tables import show_finish
    from training.tensorboard import TensorBoardObserver

    observers = (ConsoleObserver(run.recipe.name), TensorBoardObserver(run.folder))
    with stopping_politely(f"go on with: earshot train --resume --data {data} --out {run.folder}") as stop:
        facts = run.train(observers, stop)
    show_finish(facts, run)


def _recipe(name: str, overrides: list[str] | None) -> "Recipe":
    from training.recipe import load_recipe

    return load_recipe(name, overrides)


def _sounds(data: Path, recipe: "Recipe", cache: Path | None, known: tuple[str, ...] = ()) -> "Sounds":
    from training.console import counting, note
    from training.material import load_sounds

    with counting("decoding") as progress:
        sounds = load_sounds(data, recipe, known, cache, progress)
    for warning in sounds.warnings:
        note(warning)
    return sounds


def _fold_numbers(text: str) -> list[int]:
    try:
        return list(dict.fromkeys(int(word) for word in text.split(",")))
    except ValueError as error:
        raise EarshotError(f"--folds {text}: expected numbers with commas between, as in 1,2,3") from error
