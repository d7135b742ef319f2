"""What `earshot listen` prints of each message: a line with a bar for people, a plain one for programs."""

from typing import Any

BAR_CELLS = 24
_EIGHTHS = " ▏▎▍▌▋▊▉"
_LABEL_CELLS = 20


def line_of(message: dict[str, Any], *, bar: bool) -> str:
    """Of a prediction: time, the best label, how sure the model is of it, and what else is to be known."""
    best = message["predictions"][0]
    confidence = best["confidence"]
    columns = [
        f"{message['end_s']:8.1f} s",
        f"{best['label']:<{_LABEL_CELLS}}",
        *([_bar(confidence)] if bar else []),
        f"{confidence:6.1%}",
        ", ".join(_remarks(message)),
    ]
    return "  ".join(columns).rstrip()


def summary_of(message: dict[str, Any]) -> str:
    """Of the end."""
    skipped = f", {message['skipped']} skipped" if message["skipped"] else ""
    return f"{message['heard_s']:g} s heard, {message['hops']} hops answered{skipped}"


def _remarks(message: dict[str, Any]) -> list[str]:
    remarks = []
    if message["uncertain"]:
        remarks.append("uncertain")
    if message["unlike_training"]:
        remarks.append("unlike anything learned")
    if message["skipped"]:
        remarks.append(f"{message['skipped']} skipped")
    return remarks


def _bar(share: float) -> str:
    eighths = round(share * BAR_CELLS * 8)
    whole, part = divmod(eighths, 8)
    return ("█" * whole + _EIGHTHS[part].strip()).ljust(BAR_CELLS, "·")
