"""The first page, for whoever opens the service's address in a browser."""

from html import escape

from fastapi import APIRouter, Request, Response

from service.routes.shared import service_of

router = APIRouter()

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Earshot</title>
<style>
  :root {{ color-scheme: light dark; font: 1rem/1.6 system-ui, sans-serif }}
  body {{ max-width: 42rem; margin: 4rem auto; padding: 0 1rem }}
  pre {{ padding: 1rem; border: 1px solid color-mix(in srgb, currentColor 25%, transparent); overflow-x: auto }}
</style>
<h1>Earshot</h1>
<p>A sound goes in, its name comes out. Here it is <strong>{model}</strong> that listens.</p>
<pre>curl -H 'Content-Type: audio/wav' --data-binary @sound.wav {url}v1/classify</pre>
<p><a href="docs">All routes</a> · <a href="v1/model">the model</a> · <a href="readyz">ready?</a> ·
<a href="metrics">metrics</a></p>
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@router.get("/", include_in_schema=False)
async def index(request: Request) -> Response:
    """How to send a sound, and where to look further."""
    current = service_of(request).current
    model = f"{current.model.name} {current.model.version}" if current else "a model that is still being loaded"
    page = _PAGE.format(model=escape(model), url=escape(str(request.base_url)))
    return Response(page, media_type="text/html", headers={"Content-Security-Policy": _POLICY})
