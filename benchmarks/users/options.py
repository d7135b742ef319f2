"""What a load test can be told beside what Locust itself is told: on the command line, or by variables like
LOCUST_STREAM_WEIGHT.
"""

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from benchmarks.users.shapes import SHAPES, USUAL_S, Shape
from benchmarks.users.slo import CLASSIFY, DEBUG, STREAM, Slo

WEIGHTS = {CLASSIFY: 8, STREAM: 1, DEBUG: 1}
"""Of ten users, if nothing else is said."""

PAUSE_S = 0.2

_Number = Callable[[str], float]


def add_options(parser: Any) -> None:  # noqa: ANN401  (Locust's own, and importing Locust changes the process)
    """Add all of them."""
    count, positive, share = _at_least(0, int), _at_least(0.001, float), _at_least(0, float)
    for kind, weight in WEIGHTS.items():
        words = f"Weight of {kind} users beside the others; 0 for none ({weight})."
        _add(parser, f"{kind}-weight", words, type=count, default=weight)
    _add(
        parser, "pause-s", f"Mean of a user's random pauses between requests ({PAUSE_S:g}).",
        type=share, default=PAUSE_S,
    )  # fmt: skip
    words = "Count refusals under overload as errors: 429 with Retry-After, hops of live sound that were skipped."
    _add(parser, "refusals-are-errors", words, action="store_true")
    fixed: dict[str, Any] = {"include_in_web_ui": False}
    words = "Change the number of users as time goes by: -u is the most of them, -t the time altogether."
    _add(parser, "shape", words, choices=list(SHAPES), **fixed)
    _add(parser, "stairs", f"Of a step load ({Shape.stairs}).", type=_at_least(1, int), default=Shape.stairs, **fixed)
    words = f"Of a spike load: how many times as many users as before and after ({Shape.burst:g})."
    _add(parser, "burst", words, type=positive, default=Shape.burst, **fixed)
    _add(parser, "slo-p99-ms", "Exit with 1 if p99 of classify or stream users is beyond it.", type=positive, **fixed)
    _add(parser, "slo-error-rate", "Exit with 1 if more per cent of all requests fail.", type=share, **fixed)
    _add(parser, "slo-json", "Keep figures and verdicts in this file.", metavar="FILE", **fixed)


def slo_of(options: Any) -> Slo:  # noqa: ANN401
    """What is promised."""
    return Slo(options.slo_p99_ms, options.slo_error_rate)


def shape_of(options: Any) -> Shape | None:  # noqa: ANN401
    """None where Locust's own -u, -r and -t are all."""
    if options.shape is None:
        return None
    seconds = options.run_time or USUAL_S[options.shape]
    return Shape(options.shape, options.num_users or 1, seconds, options.stairs, options.burst)


def weights_of(options: Any) -> dict[str, int]:  # noqa: ANN401
    """By kind of user."""
    return {kind: getattr(options, f"{kind}_weight") for kind in WEIGHTS}


def _add(parser: Any, name: str, words: str, **how: Any) -> None:  # noqa: ANN401
    parser.add_argument(f"--{name}", help=words, env_var=f"LOCUST_{name.upper().replace('-', '_')}", **how)


def _at_least(least: float, number: _Number) -> _Number:
    def checked(word: str) -> float:
        try:
            value = number(word)
        except ValueError:
            value = least - 1
        if not value >= least:
            raise ArgumentTypeError(f"{word!r} is no number of at least {least:g}")
        return value

    return checked
