"""A small client of live streams: sound goes in piece by piece, messages come out as they arrive.

    from service.stream.client import listen

    for message in listen("ws://127.0.0.1:8000/v1/stream", pieces, 48000):
        if message["type"] == "prediction":
            print(message["end_s"], message["predictions"][0]["label"])

`pieces` are bytes of PCM, at the speed at which they are to be heard: a microphone has its own, and a file is either
paced by whoever reads it or, with `wait=True`, goes as fast as the service answers.
"""

import json
from collections.abc import Generator, Iterable, Iterator
from threading import Condition, Thread
from typing import Any

from websockets import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from contract.errors import EarshotError
from service.stream.formats import SAMPLE_BYTES, SampleFormat

OPEN_S = 10.0
"""A service that does not answer by then is taken to be none."""

AHEAD_S = 1.0
"""What a client that waits sends beyond two hops: more than any resampler holds back."""

LARGEST_PIECE = 2**19
"""Half of the largest message that the service takes."""


class StreamError(EarshotError):
    """The stream could not be opened, or ended otherwise than by its end; the message says why."""


def listen(
    url: str,
    pieces: Iterable[bytes],
    sample_rate: int,
    *,
    sample_format: SampleFormat = "s16le",
    channels: int = 1,
    hop_s: float = 1.0,
    top_k: int = 3,
    smoothing: float = 0.5,
    wait: bool = False,
    key: str | None = None,
) -> Generator[dict[str, Any], None, None]:
    """Every message of the service, from `ready` to `end`; service.stream.messages says what is in them.

    A StreamError where the service cannot be reached, refuses the stream or breaks it off. Errors of `pieces` are
    raised here too, after the messages that came before.
    """
    opening = {
        "format": sample_format,
        "sample_rate": sample_rate,
        "channels": channels,
        "hop_s": hop_s,
        "top_k": top_k,
        "smoothing": smoothing,
        "when_behind": "wait" if wait else "skip",
    }
    bytes_per_second = SAMPLE_BYTES[sample_format] * channels * sample_rate
    with _opened(url, key) as socket:
        sender = _Sender(socket, opening, pieces, bytes_per_second, 2 * hop_s + AHEAD_S if wait else None)
        try:
            for message in _messages(socket):
                if message["type"] == "ready":
                    sender.start()
                sender.heard(message.get("end_s", 0.0))
                yield message
        except StreamError:
            if sender.error is not None:  # the cause, of which the broken stream is only the effect
                raise sender.error from None
            raise
        finally:
            sender.stop()


def _opened(url: str, key: str | None) -> ClientConnection:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        return connect(url, additional_headers=headers, compression=None, open_timeout=OPEN_S)
    except (InvalidURI, ValueError) as error:
        raise StreamError(
            f"{url}: this is not the address of a stream, as in ws://127.0.0.1:8000/v1/stream"
        ) from error
    except InvalidStatus as error:
        raise StreamError(f"{url}: {_detail(error)}") from error
    except (OSError, InvalidHandshake) as error:
        raise StreamError(f"{url}: no service answers there; `earshot serve` starts one") from error


def _detail(error: InvalidStatus) -> str:
    """What the service says of a refusal, where it was the service that refused."""
    try:
        return str(json.loads(error.response.body or b"")["detail"])
    except (ValueError, KeyError, TypeError):
        return f"there is no stream, the answer is HTTP {error.response.status_code}"


def _messages(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    """All of them; a problem that ends the stream is an error, one with a single hop is a message."""
    try:
        while True:
            message = json.loads(socket.recv())
            if message["type"] == "problem" and "end_s" not in message:
                raise StreamError(message["detail"])
            yield message
            if message["type"] == "end":
                return
    except ConnectionClosed as error:
        said = f": {error.rcvd.code} {error.rcvd.reason}".rstrip() if error.rcvd else ""
        raise StreamError(f"the connection broke before the stream's end{said}") from error


class _Sender(Thread):
    """Sends while the other side is listened to."""

    def __init__(
        self,
        socket: ClientConnection,
        opening: dict[str, Any],
        pieces: Iterable[bytes],
        bytes_per_second: int,
        ahead_s: float | None,
    ) -> None:
        super().__init__(name="sender", daemon=True)  # it may be waiting for sound that never comes
        self._socket = socket
        self._pieces = pieces
        self._bytes_per_second = bytes_per_second
        self._ahead_s = ahead_s
        self._news = Condition()
        self._sent_s = 0.0
        self._heard_s = 0.0
        self._stopped = False
        self.error: Exception | None = None
        socket.send(json.dumps(opening))

    def heard(self, end_s: float) -> None:
        """The service has come so far."""
        with self._news:
            self._heard_s = max(self._heard_s, end_s)
            self._news.notify()

    def stop(self) -> None:
        """Send no more."""
        with self._news:
            self._stopped = True
            self._news.notify()

    def run(self) -> None:
        """Send all pieces, and the end."""
        try:
            for piece in self._pieces:
                if not self._may_go_on():
                    return
                for at in range(0, len(piece), LARGEST_PIECE):
                    self._socket.send(piece[at : at + LARGEST_PIECE])
                self._sent_s += len(piece) / self._bytes_per_second
            self._socket.send(json.dumps({"type": "end"}))
        except ConnectionClosed:
            pass  # whoever receives is told why
        except Exception as error:  # noqa: BLE001  (raised where the messages are read)
            self.error = error
            self._socket.close()

    def _may_go_on(self) -> bool:
        with self._news:
            self._news.wait_for(lambda: self._stopped or not self._is_ahead())
            return not self._stopped

    def _is_ahead(self) -> bool:
        return self._ahead_s is not None and self._sent_s - self._heard_s > self._ahead_s
