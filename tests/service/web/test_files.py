"""What the pages are made of: small, under a strict policy, and nothing else than what was meant to be served."""

import re
import tomllib

import pytest

from service.routes.pages import TITLES, WEB
from service.static import MEDIA_TYPES, POLICY
from tests.service.process import ROOT, Process

PATHS = {"listen": "/", "live": "/live", "layers": "/layers", "status": "/status"}
FILES = sorted(path.relative_to(WEB).as_posix() for path in WEB.rglob("*") if path.suffix in MEDIA_TYPES)
FIRST_LOAD = 500_000
SAMPLE = 60_000
LONGEST = 300


def test_every_page_has_a_path() -> None:
    assert PATHS.keys() == TITLES.keys()


def test_an_installed_service_has_them_all() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (pattern,) = project["tool"]["setuptools"]["package-data"]["service"]
    kept = set((ROOT / "service").glob(pattern))
    assert {path for path in WEB.rglob("*") if path.is_file()} <= kept


@pytest.mark.parametrize("name", PATHS)
def test_a_page_leads_to_all_pages_and_says_which_it_is(server: Process, name: str) -> None:
    page = server.client.get(PATHS[name])
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<title>{TITLES[name]} · Earshot</title>" in page.text
    assert page.text.count('aria-current="page"') == 1
    for link in ("live", "layers", "status", "docs"):
        assert f'href="{link}"' in page.text
    assert "{{" not in page.text


@pytest.mark.parametrize("path", [*PATHS.values(), "/web/style.css", "/web/js/listen.js", "/web/samples/dog.ogg"])
def test_the_policy_is_strict_and_everywhere(server: Process, path: str) -> None:
    headers = server.client.get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert "microphone=(self)" in headers["permissions-policy"]
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none';")


@pytest.mark.parametrize("path", ["/", "/web/style.css"])
def test_what_a_browser_has_already_is_not_sent_again(server: Process, path: str) -> None:
    first = server.client.get(path)
    again = server.client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache"
    assert server.client.get(path, headers={"if-none-match": '"another"'}).content == first.content


@pytest.mark.parametrize("path", [*PATHS.values(), "/web/js/listen.js"])
def test_head_tells_all_but_the_body(server: Process, path: str) -> None:
    head, whole = server.client.head(path), server.client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        "/web/", "/web", "/web/frame.html", "/web/listen.html", "/web/js", "/web/js/", "/web/js/none.js",
        "/web/../static.py", "/web/%2e%2e/static.py", "/web/..%2fstatic.py", "/web/js/..%2f..%2f..%2fstatic.py",
        "/web/%2fetc/passwd", "/web//etc/passwd", "/web/..%5cstatic.py", "/web/style.css%00", "/web/style.css/",
        "/web/./style.css%20", "/web/STYLE.CSS", "/web/js/listen.js/../../../app.py",
    ],
)  # fmt: skip
def test_nothing_but_known_names_is_served(server: Process, path: str) -> None:
    answer = server.client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_nobody_can_write_to_them(server: Process) -> None:
    for path in ("/", "/web/style.css"):
        assert server.client.post(path, content=b"x").status_code == 405


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_as_what_it_is(server: Process, name: str) -> None:
    answer = server.client.get(f"/web/{name}")
    assert answer.content == (WEB / name).read_bytes()
    kind = MEDIA_TYPES[f".{name.rpartition('.')[2]}"].partition(";")[0]
    assert answer.headers["content-type"].startswith(kind)


def test_all_of_it_together_loads_fast(server: Process) -> None:
    code = sum(len(server.client.get(f"/web/{name}").content) for name in FILES if "samples/" not in name)
    pages = sum(len(server.client.get(path).content) for path in PATHS.values())
    assert code + pages < FIRST_LOAD / 3  # of all pages at once


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".ogg")])
def test_samples_are_small_credited_and_heard_right(server: Process, name: str) -> None:
    content = (WEB / name).read_bytes()
    assert len(content) <= SAMPLE
    file = name.rpartition("/")[2]
    assert f"`{file}`" in (WEB / "samples" / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert file in (WEB / "js" / "sound" / "samples.js").read_text(encoding="utf-8")
    labels = [one["predictions"][0]["label"] for one in _heard(server, content)]
    wanted = {"dog.ogg": "dog", "rain.ogg": "rain", "rooster.ogg": "rooster", "sneezing.ogg": "sneezing"}
    assert labels == ([wanted[file]] if file in wanted else ["dog", "rain", "rooster"])


def _heard(server: Process, content: bytes) -> list[dict[str, list[dict[str, str]]]]:
    answer = server.classify(content, headers={"content-type": "audio/ogg"}).json()
    return answer["timeline"] or [answer]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_no_script_makes_html_of_text_or_outgrows_a_readers_patience(name: str) -> None:
    script = (WEB / name).read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script)
    assert len(script.splitlines()) < LONGEST


@pytest.mark.parametrize("name", [path.name for path in WEB.glob("*.html")])
def test_no_page_has_scripts_styles_or_sources_of_elsewhere_in_it(name: str) -> None:
    page = (WEB / name).read_text(encoding="utf-8")
    assert not re.search(r"<style|style=|\son\w+=|javascript:", page)
    assert re.findall(r"<script[^>]*>(?!</script>)", page) == []
    assert re.findall(r'(?:src|rel="\w+" href)="(?:https?:)?//', page) == []


def test_the_routes_are_still_listed(server: Process) -> None:
    assert server.client.get("/docs").status_code == 200
    assert not {"/live", "/web/{name}"} & server.client.get("/openapi.json").json()["paths"].keys()
