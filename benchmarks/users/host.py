"""The service that a load test goes to, asked a few things before the load begins."""

import http.client
import json
import os
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from contract.errors import EarshotError

KEY_VARIABLE = "EARSHOT_API_KEY"
"""Of the environment; never on a command line, which every user of a machine can see."""

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Host:
    """By its URL."""

    url: str

    @classmethod
    def named(cls, url: str | None) -> "Host":
        """One that can be a service at all."""
        if not url or urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise EarshotError(f"{url or 'no service is named'}: name one, as in --host http://127.0.0.1:8000")
        return cls(url.rstrip("/"))

    @property
    def stream_url(self) -> str:
        """Where live sound is taken."""
        return f"ws{self.url.removeprefix('http')}/v1/stream"

    @property
    def key(self) -> str | None:
        """That requests must carry, where it is needed."""
        return os.environ.get(KEY_VARIABLE)

    @property
    def headers(self) -> dict[str, str]:
        """Of every request."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def facts(self) -> dict[str, Any]:
        """What it says that it serves."""
        status, body = self.ask("GET", "/v1/model")
        try:
            content = json.loads(body)
            _ = content["engine"]["sha256"], content["audio"]["sample_rate"]
        except (ValueError, KeyError, TypeError):
            raise EarshotError(
                f"{self.url}: what answers there is no service that is ready ({_refusal(status, body)})"
            ) from None
        return dict(content)

    def ask(self, method: str, path: str, body: bytes = b"", content_type: str = "audio/wav") -> tuple[int, bytes]:
        """Status and body of one answer."""
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE_S)
        try:
            connection.request(method, parts.path + path, body, {"Content-Type": content_type} | self.headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException, ssl.SSLError) as error:
            raise EarshotError(f"{self.url}: no service answers there; `earshot serve` starts one") from error
        finally:
            connection.close()


def detail_of(status: int, body: bytes) -> str:
    """What the service says of a problem, in its own words where it has some."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"status {status}"


def _refusal(status: int, body: bytes) -> str:
    said = detail_of(status, body)
    return f"{said} Set {KEY_VARIABLE}." if status == http.client.UNAUTHORIZED else said
