"""A service that is none: it names every sound a dog, until a load begins; then it answers as it is told to."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body; a status of 0 hangs up."""

FACTS = {
    "name": "no-such-bundle", "engine": {"name": "stub", "precision": "none", "sha256": "0" * 64},
    "audio": {"sample_rate": 16_000},
}  # fmt: skip


def named(*labels: str) -> Answer:
    """The answer that names these, the first most surely."""
    best = [{"label": label, "confidence": 0.9 / (place + 1)} for place, label in enumerate(labels)]
    return 200, {}, json.dumps({"predictions": best}).encode()


def problem(status: int, code: str, **headers: str) -> Answer:
    """As the service words it."""
    return status, headers, json.dumps({"code": code, "detail": f"It is {code}."}).encode()


@contextmanager
def stub(under_load: Callable[[int], Answer], debug: Answer, model: object = FACTS) -> Iterator[str]:
    """Its URL. Requests of the load are numbered from 0; whoever asks for `top_k` asks before it."""
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer((200, {}, json.dumps(model).encode()))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.startswith("/v1/debug"):
                self.answer(debug)
            else:
                self.answer(named("dog", "cat") if "top_k" in self.path else under_load(next(numbers)))

        def answer(self, answer: Answer) -> None:
            status, headers, body = answer
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
