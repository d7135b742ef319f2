"""Who may use the service: API keys, compared in constant time, each with a bound on what it may have in flight."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.datastructures import Headers

from contract.errors import EarshotError
from service.batcher import Overloaded
from service.problems import ProblemError
from service.settings import Settings

ADMIN = "admin"
"""Name of the admin's key, which opens all that the others do."""


class Keys:
    """The keys of one service; without any, everybody may use it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._digests: tuple[bytes, ...] = ()
        self._in_flight: Counter[str] = Counter()
        self.read()

    def read(self) -> None:
        """Read the keys again; those of a file may have changed."""
        given = self._settings.api_keys.get_secret_value().split(",") if self._settings.api_keys else []
        file = self._settings.api_keys_file
        if file is not None:
            given += _lines(file)
        keys = [key.strip() for key in given if key.strip()]
        if not keys and (file is not None or self._settings.api_keys is not None):
            where = file or "EARSHOT_API_KEYS"
            raise EarshotError(
                f"{where}: there is no key in it; without keys, leave it away, and all may use the service"
            )
        self._digests = tuple(_digest(key.encode()) for key in keys)

    @property
    def are_needed(self) -> bool:
        """Whether a request must carry one."""
        return bool(self._digests)

    def name_of(self, headers: Headers) -> str | None:
        """The name of the key that a request carries, to count and log it by; None where none is needed."""
        if not self._digests:
            return None
        digest = _digest(_carried(headers))
        # every key is compared, so that the time tells nothing
        found = [known for known in self._digests if hmac.compare_digest(known, digest)]
        if is_admin(headers, self._settings):
            return ADMIN
        if not found:
            raise ProblemError("unauthorized", "Send an API key: Authorization: Bearer <key>, or X-API-Key: <key>.")
        return found[0].hex()[:8]

    @contextmanager
    def using(self, name: str | None) -> Iterator[None]:
        """One request of this key is in flight."""
        if name is None:
            yield
            return
        if self._in_flight[name] >= self._settings.key_concurrency:
            raise Overloaded(f"This key has {self._settings.key_concurrency} requests in flight already.", 1.0)
        self._in_flight[name] += 1
        try:
            yield
        finally:
            self._in_flight[name] -= 1


def is_admin(headers: Headers, settings: Settings) -> bool:
    """Whether the request carries the admin's key."""
    wanted = settings.admin_key
    return wanted is not None and hmac.compare_digest(
        _digest(_carried(headers)), _digest(wanted.get_secret_value().encode())
    )


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise EarshotError(f"{file}: the API keys cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EarshotError(f"{file}: the API keys cannot be read: this is no text in UTF-8") from error
    return [line for line in text.splitlines() if not line.startswith("#")]


def _carried(headers: Headers) -> bytes:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    carried = token if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    return carried.strip().encode("latin-1")  # as it came: clients send what they read, mostly UTF-8


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
