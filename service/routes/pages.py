"""The web pages, for whoever opens the service's address in a browser."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

from service.static import StaticFile, files_below, sent, static_file

router = APIRouter(include_in_schema=False)

WEB = Path(__file__).parents[1] / "web"
TITLES = {"listen": "Listen", "live": "Live", "layers": "Layers", "status": "Status"}
"""Of each page, by the name of its files."""
PATHS = {name: "/" if name == "listen" else f"/{name}" for name in TITLES}
READ = ["GET", "HEAD"]


def _page(name: str) -> StaticFile:
    """What is its own, in the frame that all share."""
    page = (WEB / "frame.html").read_text(encoding="utf-8")
    page = page.replace(f'data-page="{name}"', 'aria-current="page"')
    page = page.replace("{{title}}", TITLES[name]).replace("{{name}}", name)
    page = page.replace("{{main}}", (WEB / f"{name}.html").read_text(encoding="utf-8"))
    return static_file(page.encode(), "text/html")


def _route(page: StaticFile) -> Callable[[Request], Awaitable[Response]]:
    async def route(request: Request) -> Response:
        return sent(page, request)

    return route


for _name, _path in PATHS.items():
    router.add_api_route(_path, _route(_page(_name)), methods=READ)

_FILES = files_below(WEB)


@router.api_route("/web/{name:path}", methods=READ)
async def file(name: str, request: Request) -> Response:
    """What the pages are made of."""
    if name not in _FILES:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return sent(_FILES[name], request)
