"""The service as a process: its socket, its signals, and an end at which nothing is lost.

SIGTERM or Ctrl-C: not ready any more, what was accepted is answered, what comes later is refused as `draining`, exit
0. A second one ends it at once. SIGHUP: serve what lies in the bundle's folder now.
"""

import asyncio
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from errno import EADDRINUSE

import uvicorn

from contract.bundle import find_bundle, read_manifest
from contract.errors import EarshotError
from service import logs
from service.app import create_app
from service.background import end_with_what_is_left
from service.doorstep import Doorstep
from service.live_protocol import LiveProtocol
from service.memory import keep_memory_of_clips
from service.problems import ProblemError
from service.protocol import protocol_with
from service.serving import Service, State
from service.settings import Settings, unknown_variables

BACKLOG = 2048
LARGEST_MESSAGE = 2**20
"""Bytes of one message of a live stream: two seconds of float32 at 96 kHz."""

SWITCH_S = 0.001
"""A thread that wants to run Python waits so long for the one that does; five times longer is the default, and would
leave an engine idle for as long."""

_log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Run until a signal ends it."""
    logs.set_up(settings)
    for name in unknown_variables(os.environ):
        _log.warning("%s is set, but is no setting of the service", name)
    sys.setswitchinterval(SWITCH_S)
    keep_memory_of_clips()
    _allow_many_files()
    if settings.model is None:
        read_manifest(find_bundle(settings.bundle))  # a wrong name is said before anything else
    listener = listen(settings.host, settings.port)
    app = create_app(settings, wait_for_model=False)
    config = uvicorn.Config(
        app,
        http=protocol_with(
            settings.header_timeout_s,
            settings.max_connections,
            settings.max_body_bytes,
            _refused_by(app.state.service),
            Doorstep(app.state.service).refusal,
        ),
        loop="uvloop",
        ws=LiveProtocol,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=max(1, round(settings.grace_s)),
        backlog=BACKLOG,
    )
    server = Server(config, app.state.service)
    host, port = listener.getsockname()[:2]
    _log.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
    server.run(sockets=[listener])
    if app.state.service.failure is not None:
        raise app.state.service.failure
    _log.info("stopped")
    end_with_what_is_left()


class Server(uvicorn.Server):
    """uvicorn, with our signals."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours in place of uvicorn's, which ends by the signal instead of with exit status 0."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_signal_handler(signal.SIGINT, self._stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._keep(self._reload()))
        yield

    async def on_tick(self, counter: int) -> bool:
        """A model that cannot be loaded ends the process, with its reason."""
        return await super().on_tick(counter) or self._service.state is State.FAILED

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's, which leaves the application where it is when it is in a hurry."""
        await super().shutdown(sockets)
        if self.force_exit:
            await self.lifespan.shutdown()

    def _stop(self) -> None:
        if self._service.is_leaving:
            _log.warning("stopping at once")
            self._service.hurry()
            self.force_exit = self.should_exit = True
            return
        _log.info("stopping: what was accepted is being answered")
        self._keep(self._drain())

    async def _drain(self) -> None:
        await self._service.drain()
        self.config.timeout_graceful_shutdown = max(1, round(self._service.grace_left))
        self.should_exit = True

    async def _reload(self) -> None:
        try:
            await self._service.reload()
        except EarshotError:
            pass  # told by the service
        except ProblemError as problem:
            _log.warning("not reloaded: %s", problem.detail)

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _refused_by(service: Service) -> Callable[[str, int], None]:
    def refused(code: str, status: int) -> None:
        service.metrics.refused(code, status)
        _log.debug("a connection was refused: %s, %d", code, status)

    return refused


def listen(host: str, port: int) -> socket.socket:
    """Have the port, before anything is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise EarshotError(f"--host {host}: there is no such address here ({error.strerror})") from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        if error.errno == EADDRINUSE:
            raise EarshotError(
                f"port {port} is in use: choose another by --port, or 0 for any that is free"
            ) from error
        raise EarshotError(f"cannot listen at {host}, port {port}: {error.strerror}") from error
    listener.listen(BACKLOG)
    listener.set_inheritable(False)
    return listener


def _allow_many_files() -> None:
    """Every connection is one; the usual soft limit of 1024 is meant for other programs."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536) if hard > 0 else 65_536, hard))
