"""The contract: what the OpenAPI document says is what the service does, tried with requests made of it."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from schemathesis import GenerationMode
from schemathesis.checks import positive_data_acceptance

from contract.audio import decode
from service.problems import ALSO_AT, KINDS
from service.routes import examples
from service.schemas import Classification
from tests.service.process import Process

ROUTES = {
    "POST /v1/classify", "GET /v1/model", "POST /v1/admin/reload", "GET /healthz", "GET /readyz", "GET /metrics",
    "GET /v2", "GET /v2/health/live", "GET /v2/health/ready", "GET /v2/models/{name}", "GET /v2/models/{name}/ready",
    "POST /v2/models/{name}/infer", "GET /v1/debug/layers", "POST /v1/debug/activations",
}  # fmt: skip
OURS = sorted(route for route in ROUTES if "debug" not in route)
WITH_BODIES = ["POST /v1/classify", "POST /v2/models/{name}/infer"]

as_often = settings(
    max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)  # fmt: skip


@pytest.fixture(scope="module")
def document(server: Process) -> dict[str, Any]:
    """As the service gives it out."""
    return dict(server.client.get("/openapi.json").raise_for_status().json())


@pytest.fixture(scope="module")
def api(server: Process, document: dict[str, Any]) -> schemathesis.BaseSchema:
    """The document as a source of requests."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=server.url)
    return schema


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """One connection for all of them."""
    with requests.Session() as session:
        yield session


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By method and path."""
    return {
        f"{method.upper()} {path}": told
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    }


def test_the_document_is_valid_and_lists_every_route(api: schemathesis.BaseSchema, document: dict[str, Any]) -> None:
    api.validate()
    assert operations(document).keys() >= ROUTES


def test_every_route_is_explained(document: dict[str, Any]) -> None:
    for route, told in operations(document).items():
        assert told["summary"], route
        assert told["description"], route
        assert told["tags"], route


def test_every_code_is_documented_with_its_statuses_and_an_example(document: dict[str, Any]) -> None:
    found = {
        (int(status), code)
        for told in operations(document).values()
        for status, answer in told["responses"].items()
        for code in answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }
    usual = {(kind.status, code) for code, kind in KINDS.items()}
    assert found >= usual | {(status, code) for code, statuses in ALSO_AT.items() for status in statuses}
    assert found - usual == {(408, "deadline_exceeded"), (409, "invalid_request")}


def test_the_schema_of_a_problem_names_every_code(document: dict[str, Any]) -> None:
    problem = operations(document)["POST /v1/classify"]["responses"]["422"]["content"]["application/problem+json"]
    assert set(problem["schema"]["properties"]["code"]["enum"]) == KINDS.keys()


@pytest.mark.parametrize(
    "route", ["POST /v1/classify", "GET /v1/model", "GET /healthz", "GET /readyz", "GET /metrics"]
)
def test_an_answer_has_an_example(document: dict[str, Any], route: str) -> None:
    (content,) = operations(document)[route]["responses"]["200"]["content"].values()
    assert content["example"]


def test_the_examples_are_true() -> None:
    TypeAdapter(Classification).validate_python(examples.CLASSIFICATION)
    assert decode(base64.b64decode(examples.SMALLEST_WAV), 44_100).size == 1


def test_the_example_of_an_answer_has_what_an_answer_has(server: Process, rooster: bytes) -> None:
    real = server.classify(rooster).json()

    def shape(value: Any) -> Any:  # noqa: ANN401
        return {key: shape(part) for key, part in value.items()} if isinstance(value, dict) else type(value)

    assert shape(real) == shape(dict(examples.CLASSIFICATION))


@pytest.mark.parametrize("route", OURS)
def test_what_the_document_allows_is_answered_as_it_says(
    api: schemathesis.BaseSchema, session: requests.Session, route: str
) -> None:
    method, _, path = route.partition(" ")

    @as_often
    @given(api[path][method].as_strategy())
    def try_it(case: schemathesis.Case[Any]) -> None:
        # most strings of bytes are no sounds, and are refused
        case.call_and_validate(session=session, excluded_checks=[positive_data_acceptance])

    try_it()


@pytest.mark.parametrize("route", WITH_BODIES)
def test_what_the_document_forbids_is_refused_as_it_says(
    api: schemathesis.BaseSchema, session: requests.Session, route: str
) -> None:
    method, _, path = route.partition(" ")

    @as_often
    @given(api[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def try_it(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(session=session)

    try_it()


SOUNDS = st.sampled_from([base64.b64decode(examples.SMALLEST_WAV), b"RIFF", b""])
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "top_k": st.integers(1, 1000),
        "hop_s": st.floats(1e-9, 3600),
        "timeout_ms": st.integers(1000, 3_600_000),
        "labels": st.sampled_from(["dog", "dog,rooster", " dog , dog "]),
    },
)


@as_often
@given(sound=SOUNDS, query=QUERIES)
def test_a_good_query_is_taken_with_every_sound(server: Process, sound: bytes, query: dict[str, Any]) -> None:
    answer = server.client.post("/v1/classify", params=query, content=sound)
    assert answer.status_code == (200 if len(sound) > 4 else 422 if sound else 400), answer.text


def test_nothing_of_it_was_an_error(server: Process) -> None:
    assert "Traceback" not in server.log
    assert '"level": "error"' not in server.log
