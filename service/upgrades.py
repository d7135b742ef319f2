"""Heads that offer to go on in another protocol. A WebSocket begins with one; any other offer is passed over.

The parser stops behind such a head, and passes over its body. So the head is read again without the offer, by a
parser that has not stopped.
"""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service import refusals


class UpgradingProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with an answer for every offer."""

    def feed(self, data: bytes) -> None:
        """Parse it all. A `ProblemError` is for whoever must not make this offer."""
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as end_of_head:
                data = self._offered(data[end_of_head.args[0] :])
            else:
                return

    def _offered(self, behind: bytes) -> bytes:
        """What is to be read next."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise refusals.no_proxy()
        if self._should_upgrade() and self._is_idle():
            if _has_body(self.headers):
                raise refusals.websocket_with_body()
            self.scope["method"] = method.decode("ascii")
            self.handle_websocket_upgrade()
            self._read_anew()
            return b""
        head = self._head_without_offer(method)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # like uvicorn's
        return head + behind

    def _read_anew(self) -> None:
        """The loop asks a protocol how it reads only when it begins to."""
        if self.transport.is_reading():
            self.transport.pause_reading()
            self.transport.resume_reading()

    def _is_idle(self) -> bool:
        """No earlier request waits for its answer, which would get into the middle of the other protocol."""
        return self.cycle is None or self.cycle.response_complete

    def _head_without_offer(self, method: bytes) -> bytes:
        line = b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode("ascii"))
        headers = [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([line, *headers, b"", b""])


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    told = [header for header in headers if header[0] in {b"content-length", b"transfer-encoding"}]
    return any(header != (b"content-length", b"0") for header in told)
