"""The web pages, for whoever opens the service's address in a browser."""

from http import HTTPStatus
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

from service.static import StaticFile, files_below, sent, static_file

router = APIRouter(include_in_schema=False)

WEB = Path(__file__).parents[1] / "web"
TITLES = {"listen": "Listen", "live": "Live", "layers": "Layers", "status": "Status"}
"""Of each page, by the name of its files."""
READ = ["GET", "HEAD"]


def _page(name: str) -> StaticFile:
    """What is its own, in the frame that all share."""
    page = (WEB / "frame.html").read_text(encoding="utf-8")
    page = page.replace(f'data-page="{name}"', 'aria-current="page"')
    page = page.replace("{{title}}", TITLES[name]).replace("{{name}}", name)
    page = page.replace("{{main}}", (WEB / f"{name}.html").read_text(encoding="utf-8"))
    return static_file(page.encode(), "text/html")


_PAGES = {name: _page(name) for name in TITLES}
_FILES = files_below(WEB)


@router.api_route("/", methods=READ)
async def listen(request: Request) -> Response:
    """A sound, and its name."""
    return sent(_PAGES["listen"], request)


@router.api_route("/live", methods=READ)
async def live(request: Request) -> Response:
    """What the microphone hears."""
    return sent(_PAGES["live"], request)


@router.api_route("/layers", methods=READ)
async def layers(request: Request) -> Response:
    """What each layer makes of a sound."""
    return sent(_PAGES["layers"], request)


@router.api_route("/status", methods=READ)
async def status(request: Request) -> Response:
    """How the service does."""
    return sent(_PAGES["status"], request)


@router.api_route("/web/{name:path}", methods=READ)
async def file(name: str, request: Request) -> Response:
    """What the pages are made of."""
    if name not in _FILES:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return sent(_FILES[name], request)
