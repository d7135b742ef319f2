"""What is printed of each message."""

from typing import Any

import pytest

from service.stream.lines import BAR_CELLS, line_of, summary_of


def prediction(**fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "end_s": 12.0,
        "predictions": [{"label": "rooster", "index": 1, "confidence": 0.987}],
        "uncertain": False,
        "unlike_training": False,
        "skipped": 0,
    } | fields


def test_a_line_for_programs_has_no_bar() -> None:
    assert line_of(prediction(), bar=False).split() == ["12.0", "s", "rooster", "98.7%"]


@pytest.mark.parametrize("confidence", [0.0, 0.001, 0.5, 0.987, 1.0])
def test_a_bar_is_always_as_wide(confidence: float) -> None:
    best = [{"label": "rooster", "confidence": confidence}]
    with_bar, without = (line_of(prediction(predictions=best), bar=bar) for bar in (True, False))
    assert len(with_bar) - len(without) == BAR_CELLS + 2
    assert with_bar.count("█") == int(confidence * BAR_CELLS)


def test_what_else_is_to_be_known_stands_at_the_end() -> None:
    line = line_of(prediction(uncertain=True, unlike_training=True, skipped=3), bar=False)
    assert line.endswith("uncertain, unlike anything learned, 3 skipped")


def test_a_model_without_thresholds_is_never_called_uncertain() -> None:
    assert line_of(prediction(uncertain=None, unlike_training=None), bar=False).endswith("%")


def test_the_summary_counts() -> None:
    assert summary_of({"heard_s": 5.0, "hops": 5, "skipped": 0}) == "5 s heard, 5 hops answered"
    assert summary_of({"heard_s": 5.5, "hops": 3, "skipped": 2}) == "5.5 s heard, 3 hops answered, 2 skipped"
