"""What may stand in an opening, and what may not."""

import pytest
from pydantic import ValidationError

from service.stream.messages import Closing, Opening

LEAST = '{"format": "s16le", "sample_rate": 48000}'


def with_field(field: str) -> str:
    return LEAST[:-1] + ", " + field + "}"


def test_all_but_the_form_of_the_samples_has_a_default() -> None:
    opening = Opening.model_validate_json(LEAST)
    assert (opening.channels, opening.hop_s, opening.top_k, opening.smoothing) == (1, 1.0, 3, 0.5)
    assert opening.when_behind == "skip"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "s16le"}',
        '{"sample_rate": 48000}',
        '{"format": "mp3", "sample_rate": 48000}',
        '{"format": "s16le", "sample_rate": 3999}',
        '{"format": "s16le", "sample_rate": 384001}',
        '{"format": "s16le", "sample_rate": "48000"}',
        '{"format": "s16le", "sample_rate": 48000.5}',
        *map(
            with_field,
            [
                '"channels": 0',
                '"channels": 17',
                '"hop_s": 0.09',
                '"hop_s": 61',
                '"hop_s": NaN',
                '"top_k": 0',
                '"top_k": true',
                '"smoothing": -0.1',
                '"smoothing": 1',
                '"when_behind": "panic"',
                '"codec": "pcm"',
            ],
        ),
    ],
)
def test_what_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Opening.model_validate_json(text)


def test_only_one_thing_closes_a_stream() -> None:
    assert Closing.model_validate_json('{"type": "end"}')
    with pytest.raises(ValidationError):
        Closing.model_validate_json('{"type": "end", "now": true}')
