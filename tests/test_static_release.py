"""The name of a release of the page, and what keeps the page's modules within one release."""

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from backend.static_release import release_of

FRONTEND = Path(__file__).resolve().parent.parent / "frontend"


def test_the_same_files_have_the_same_release(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "views").mkdir(parents=True)
        (tmp_path / name / "views" / "a.js").write_text("export const A = 1;")
    assert release_of(tmp_path / "first") == release_of(tmp_path / "second")
    assert re.fullmatch("[0-9a-f]{16}", release_of(tmp_path / "first"))


@pytest.mark.parametrize("change", ["content", "name", "new file"])
def test_any_change_of_a_file_is_a_new_release(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.js"
    path.write_text("export const A = 1;")
    before = release_of(tmp_path)
    if change == "content":
        path.write_text("export const A = 2;")
    elif change == "name":
        path.rename(tmp_path / "b.js")
    else:
        (tmp_path / "b.js").touch()
    assert release_of(tmp_path) != before


def test_no_module_and_no_style_names_an_absolute_static_url() -> None:
    """It would leave the release: only index.html does, and it names the release."""
    sources = [path for path in FRONTEND.rglob("*") if path.suffix in (".js", ".css", ".svg")]
    assert len(sources) > 30
    assert [path.name for path in sources if "/static/" in path.read_text()] == []


def test_the_page_loads_every_file_from_its_release() -> None:
    html = Client().get("/", headers={"host": "127.0.0.1"}).content.decode()
    urls = re.findall(r'(?:src|href)="(/[^"]*)"', html)
    prefix = f"/static/{settings.RELEASE}/"
    assert len(urls) > 30
    assert [url for url in urls if not url.startswith(prefix)] == []
    missing = [url for url in urls if not finders.find(url.removeprefix("/static/"))]
    assert missing == []


def test_the_page_is_compressed_and_is_the_same_for_everybody() -> None:
    ask = {"host": "127.0.0.1", "accept-encoding": "gzip"}
    answers = [
        Client().get("/", headers={**ask, "accept-language": language}) for language in ("en", "ja")
    ]
    assert [answer["Content-Encoding"] for answer in answers] == ["gzip", "gzip"]
    assert "Set-Cookie" not in answers[0].headers
    first, second = (gzip.decompress(answer.content) for answer in answers)
    assert first == second
    assert len(answers[0].content) < len(first) / 4


def test_every_file_is_collected_under_its_plain_name_and_its_release() -> None:
    collected = {
        (getattr(storage, "prefix", None) or "", path)
        for finder in finders.get_finders()
        for path, storage in finder.list(None)
    }
    assert {("", "realtime-client.js"), (settings.RELEASE, "realtime-client.js")} <= collected
