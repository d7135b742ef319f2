"""What OpenAPI says of /v2: complete in itself, and true."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter

from service.app import create_app
from service.oip.messages import InferRequest, InferResponse
from service.settings import Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings(bundle="esc10-resnet", api_keys=None)).openapi()


def routes(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        if path.startswith("/v2"):
            for route in methods.values():
                yield path, route


def references(part: Any) -> Iterator[str]:  # noqa: ANN401  (JSON)
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    for item in part if isinstance(part, list) else []:
        yield from references(item)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for _, route in routes(document):
        for reference in references(route):
            assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def test_every_name_in_a_path_is_described(document: dict[str, Any]) -> None:
    for path, route in routes(document):
        described = {one["name"] for one in route.get("parameters", []) if one["in"] == "path"}
        assert described == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [route["operationId"] for _, route in routes(document)]
    assert len(names) == len(set(names)) == 12


def test_each_model_has_its_routes_with_and_without_a_version(document: dict[str, Any]) -> None:
    for path in ("", "/ready", "/config", "/infer"):
        assert f"/v2/models/{{name}}{path}" in document["paths"]
        assert f"/v2/models/{{name}}/versions/{{version}}{path}" in document["paths"]


def test_the_examples_are_what_they_are_examples_of(document: dict[str, Any]) -> None:
    route = document["paths"]["/v2/models/{name}/infer"]["post"]
    asked = route["requestBody"]["content"]["application/json"]["schema"]["example"]
    assert InferRequest.model_validate(asked).inputs[0].name == "audio"
    TypeAdapter(InferResponse).validate_python(document["components"]["schemas"]["InferResponse"]["example"])
