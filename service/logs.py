"""What the service writes to its log: one object per line for machines, or text for whoever watches."""

import json
import logging
import sys
import time
from typing import Any

from service.settings import Settings
from service.trace import Trace

QUIET_ROUTES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: worth a line only when one looks for it."""

_requests = logging.getLogger("service.requests")


class JsonLines(logging.Formatter):
    """One JSON object per record."""

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
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


class Text(logging.Formatter):
    """For people: time, level, message, and the fields behind it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """The fields as `name=value`."""
        fields = "".join(f" {name}={value}" for name, value in getattr(record, "fields", {}).items())
        return super().format(record) + fields


def set_up(settings: Settings) -> None:
    """Write everything to standard error."""
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Text() if as_text else JsonLines())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


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
        "total_ms": round(trace.total_s * 1000, 3),
    }
    for name, seconds in (("decode_ms", trace.decode_s), ("queue_ms", trace.queue_s), ("engine_ms", trace.engine_s)):
        if seconds is not None:
            fields[name] = round(seconds * 1000, 3)
    if trace.windows:
        fields |= {"batch_size": trace.batch_size, "windows": trace.windows, "audio_s": round(trace.audio_s, 3)}
    if trace.key:
        fields["key"] = trace.key
    _requests.log(level, "request", extra={"fields": fields})
