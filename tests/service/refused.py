"""What the tests of hostile requests ask of every refusal, and of the service after it."""

import json
import re

import httpx2

from tests.service.process import Process

LABEL = "rooster"
GIVEN_AWAY = re.compile(
    r"traceback|\bfile \"|/work|/usr|/home|/tmp|\.py\b|site-packages|onnx ?runtime|sound ?file|sndfile|pydantic|numpy"
    r"|uvicorn|starlette|fastapi|httptools|llhttp|multipart\.|python|ffmpeg|errno|0x[0-9a-f]{6}",
    re.IGNORECASE,
)
"""What an answer may not hold: paths, names of libraries, lines of code."""

DECODERS_OWN = "[src/libmpg123"
"""What a decoder writes to standard error by itself."""


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a problem, which gives nothing away."""
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["detail"][-1] in ".?" or len(problem["detail"]) > 10
    told = answer.text + repr(answer.headers)
    assert not (found := GIVEN_AWAY.search(told)), found
    return answer.status_code, problem["code"]


def serves_on(server: Process, rooster: bytes) -> None:
    """The next good request is answered."""
    answer = server.classify(rooster)
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["label"] == LABEL


def has_no_errors(process: Process) -> None:
    """It lives, and has written neither an error nor a trace to its log."""
    assert process.process.poll() is None
    assert "Traceback" not in process.log
    told = [json.loads(line) for line in process.lines if not line.startswith(DECODERS_OWN)]
    assert not [line for line in told if line["level"] in {"error", "critical"}]
    assert not [line for line in told if 500 <= line.get("status", 0) < 600]
