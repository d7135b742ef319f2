"""A server with bad manners: `python rude.py PORT`. Each clip costs it 10 ms of CPU time, one after the other.

It refuses nobody and computes for clients who have gone; a bad clip spoils what is answered soon after it; it dies of
SIGTERM.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CLIP_S, SPOILT_S = 0.01, 0.1


def compute() -> None:
    """A clip."""
    stop = time.thread_time() + CLIP_S
    while time.thread_time() < stop:
        pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine = ThreadPoolExecutor(1)
    spoilt_until = 0.0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.engine.submit(compute).result()
        if b"WAVE" not in body[:12]:
            Handler.spoilt_until = time.monotonic() + SPOILT_S
        is_spoilt = time.monotonic() < self.spoilt_until
        answer = b'{"predictions": [{"label": "dog"}]}'
        self.send_response(500 if is_spoilt else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


class Rude(ThreadingHTTPServer):
    request_queue_size = 512

    def handle_error(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    Rude(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
