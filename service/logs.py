"""What the service writes to its log: one object per line for machines, or text for whoever watches.

What a stranger sends may get into a line, but can neither break it nor begin another one. Keys never do.
"""

import json
import logging
import sys
import threading
import time
from typing import Any

from service.settings import Settings
from service.trace import Trace, milliseconds

QUIET_ROUTES = frozenset({"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
"""Asked every few seconds by machines: worth a line only when one looks for it."""

_OURS = ("service", "contract")
_encode = json.JSONEncoder(default=str).encode
_log = logging.getLogger(__name__)
_requests = logging.getLogger("service.requests")


class JsonLines(logging.Formatter):
    """One JSON object per record, all of it ASCII: some readers end a line at other characters than a line feed."""

    def format(self, record: logging.LogRecord) -> str:
        """With whatever fields the record brings."""
        told: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return _encode(told)


class Text(logging.Formatter):
    """For people: time, level, message, and the fields behind it. Only what is indented goes on with a line above."""

    def format(self, record: logging.LogRecord) -> str:
        """The fields as `name=value`."""
        fields = "".join(f" {name}={value}" for name, value in getattr(record, "fields", {}).items())
        when = self.formatTime(record, "%H:%M:%S")
        trace = self.formatException(record.exc_info).split("\n") if record.exc_info else []
        lines = [f"{when} {record.levelname:<7} {record.getMessage()}{fields}", *trace]
        return "\n    ".join(map(_printable, lines))


def set_up(settings: Settings) -> None:
    """Write everything to standard error: warnings and errors that nobody caught, too."""
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Text() if as_text else JsonLines())
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # nobody reads them
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    # debug is for our own lines: libraries write all sorts of things there, such as headers with keys in them
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    logging.getLogger("uvicorn").setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda _, error, __: _log.critical("nobody expected this", exc_info=error)
    threading.excepthook = lambda lost: _log.critical("nobody expected this in a thread", exc_info=lost.exc_value)


def log_request(trace: Trace) -> None:
    """One line per request; nothing of what was heard is in it."""
    level = logging.DEBUG if trace.route in QUIET_ROUTES else logging.INFO
    if not _requests.isEnabledFor(level):
        return
    fields: dict[str, Any] = {
        "request_id": trace.request_id,
        "route": trace.route,
        "status": trace.status,
        "code": trace.code,
        "total_ms": milliseconds(trace.total_s),
    }
    for name, seconds in (("decode_ms", trace.decode_s), ("queue_ms", trace.queue_s), ("engine_ms", trace.engine_s)):
        if seconds is not None:
            fields[name] = milliseconds(seconds)
    if trace.windows:
        fields |= {"batch_size": trace.batch_size, "windows": trace.windows, "audio_s": round(trace.audio_s, 3)}
    if trace.key:
        fields["key"] = trace.key
    if trace.trace_id:
        fields["trace_id"] = trace.trace_id
    record = logging.LogRecord(_requests.name, level, "", 0, "request", None, None)
    record.fields = fields
    _requests.handle(record)  # not `log`, which would look for the line that called it


def _printable(text: str) -> str:
    """With line feeds, colours of terminals and the like as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
