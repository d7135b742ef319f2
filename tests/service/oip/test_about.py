"""What is told before there is a model; what is told of one is in `test_client.py`."""

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.oip.about import index_entry
from service.settings import Settings
from tests.service.oip.models import MODEL


@pytest.fixture(scope="module")
def loading() -> TestClient:
    """A service that has not begun to load its model."""
    return TestClient(create_app(Settings(bundle="esc10-resnet", api_keys=None)))


def test_while_the_model_is_loaded_the_server_is_live_but_not_ready(loading: TestClient) -> None:
    live, ready = loading.get("/v2/health/live"), loading.get("/v2/health/ready")
    assert (live.status_code, live.json()) == (200, {"live": True})
    assert (ready.status_code, ready.json()) == (503, {"ready": False})


@pytest.mark.parametrize("path", ["", "/ready", "/config", "/versions/1.0.0"])
def test_while_the_model_is_loaded_nothing_is_said_of_it(loading: TestClient, path: str) -> None:
    answer = loading.get(f"/v2/models/esc10-resnet{path}")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["error"] == "The model is still being loaded."
    assert answer.headers["retry-after"] == "1"


def test_while_the_model_is_loaded_it_is_not_asked(loading: TestClient) -> None:
    answer = loading.post("/v2/models/esc10-resnet/infer", content=b"{}")
    assert (answer.status_code, answer.json()["error"]) == (503, "The model is still being loaded.")


def test_while_the_model_is_loaded_the_index_is_empty(loading: TestClient) -> None:
    assert loading.post("/v2/repository/index").json() == []


def test_a_model_that_takes_no_requests_is_unavailable() -> None:
    entry = index_entry(MODEL, is_ready=False, reason="no engine")
    assert entry == {"name": "ears", "version": "3", "state": "UNAVAILABLE", "reason": "no engine"}
