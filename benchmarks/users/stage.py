"""Set before a load begins: which service, what is sent to it and what the answers must be, who takes part."""

import logging
from dataclasses import dataclass
from http import HTTPStatus

from benchmarks.users.host import Host, detail_of
from benchmarks.users.slo import DEBUG
from benchmarks.users.sounds import Live, Sound, live_sounds, sounds
from benchmarks.users.truth import truth_for
from contract.errors import EarshotError

DEBUG_PATH = "/v1/debug/activations"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """For one load."""

    host: Host
    sounds: list[Sound]
    live: list[Live]
    has_debug_path: bool

    @classmethod
    def set_for(cls, url: str | None) -> "Stage":
        """Ask the service what it is, and name all sounds; an EarshotError says why it cannot be loaded."""
        host = Host.named(url)
        facts = host.facts()
        truth = truth_for(host, facts)
        files = sounds(truth.oracle)
        live = live_sounds(truth.oracle, facts["audio"]["sample_rate"])
        labels = [sound.label for sound in files] + [label for one in live for label in one.labels]
        _log.info(
            "%s serves %s by %s in %s", host.url, facts["name"], facts["engine"]["name"], facts["engine"]["precision"]
        )
        _log.info("%d sounds were named by %s", len(labels), truth.source)
        _log.info("%d of them are too close a call to be judged", labels.count(None))
        return cls(host, files, live, _has_debug_path(host, files[0]))

    def cast(self, weights: dict[str, int]) -> dict[str, int]:
        """Those kinds of users that take part, by weight."""
        wanted = {kind: weight for kind, weight in weights.items() if weight}
        if not self.has_debug_path:
            wanted.pop(DEBUG, None)
        if not wanted:
            raise EarshotError("no kind of user takes part: give one of them a weight, as in --classify-weight 1")
        return wanted


def _has_debug_path(host: Host, sound: Sound) -> bool:
    """Said once, where it is off."""
    status, body = host.ask("POST", DEBUG_PATH, sound.file)
    if status != HTTPStatus.NOT_FOUND:
        return True
    _log.info("debug users take no part, as the debug path is off: %s", detail_of(status, body))
    return False
