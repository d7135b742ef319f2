"""The command `earshot`: gathers the commands of all rooms. What a command does is written in its room."""

import sys

import typer
from rich.console import Console

from benchmarks.commands import add_benchmark_commands
from contract.errors import EarshotError
from export.commands import add_export_commands
from service.commands import add_service_commands
from training.commands import add_training_commands

_EXTRA_OF = {"torch": "train", "torchaudio": "train", "safetensors": "train", "tensorboard": "train",
             "matplotlib": "train", "pyarrow": "train", "onnx": "export", "onnxscript": "export",
             "onnxruntime": "serve", "fastapi": "serve", "uvicorn": "serve", "uvloop": "serve", "httptools": "serve",
             "prometheus_client": "serve", "python_multipart": "serve", "websockets": "serve"}  # fmt: skip

app = typer.Typer(
    help="Earshot hears a sound and says what it is. These commands train, judge, export and serve its models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
add_training_commands(app)
add_export_commands(app)
add_service_commands(app)
add_benchmark_commands(app)


def main() -> None:
    """Run the command; what a user can mend is said in one sentence, without a trace."""
    try:
        app()
    except EarshotError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except ModuleNotFoundError as error:
        extra = _EXTRA_OF.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        _fail(f"this command needs {error.name}, which is not installed: pip install -e '.[{extra}]'")


def _fail(sentence: str) -> None:
    Console(stderr=True, highlight=False, markup=False).print(f"error: {sentence}", soft_wrap=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
