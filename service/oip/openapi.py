"""What OpenAPI shows of the bodies that the routes read by themselves, which the framework cannot know."""

from typing import Any

from pydantic import BaseModel

from service.oip.messages import IndexRequest, InferRequest
from service.oip.requests import LENGTH_HEADER


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """The schema with its definitions where they are used: inside of OpenAPI, its own references lead nowhere."""
    schema = model.model_json_schema()
    definitions: dict[str, Any] = schema.pop("$defs", {})

    def resolved(part: Any) -> Any:  # noqa: ANN401  (JSON)
        if isinstance(part, list):
            return [resolved(item) for item in part]
        if not isinstance(part, dict):
            return part
        name = part.get("$ref", "").rpartition("/")[2]
        return resolved(definitions[name]) if name else {key: resolved(value) for key, value in part.items()}

    inlined: dict[str, Any] = resolved(schema)
    return inlined


INFER_BODY: dict[str, Any] = {
    "required": True,
    "description": f"JSON; with `{LENGTH_HEADER}`, so many bytes of JSON and then the binary data of the inputs; "
    "with a length of 0, one audio file and nothing else.",
    "content": {
        "application/json": {"schema": _inlined(InferRequest)},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}
INFER_ANSWER: dict[str, Any] = {
    "description": f"JSON; where binary data were asked for, `{LENGTH_HEADER}` bytes of it, and then the data.",
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
INDEX_BODY: dict[str, Any] = {
    "required": False,
    "content": {"application/json": {"schema": IndexRequest.model_json_schema()}},
}


def _in_path(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": description}


NAME = [_in_path("name", "Of the model; /v2/repository/index tells it.")]
NAME_AND_VERSION = [*NAME, _in_path("version", "Of the model; there is one at a time.")]
