"""A deploy of a new page: no module of one release is loaded together with another's."""

import re
from pathlib import Path

import pytest

from tests.journeys.stack import Stack, http, running_stack

pytestmark = pytest.mark.journey

OLD_RELEASE = "0123456789abcdef"
IMMUTABLE = "max-age=315360000, public, immutable"
REVALIDATED = "max-age=0, public"


def cache_control(stack: Stack, path: str) -> str:
    answer = http("GET", f"{stack.url}{path}")
    assert answer.status == 200, path
    return answer.headers["Cache-Control"]


def test_a_release_is_cached_for_ever_and_stays_available_after_the_next(tmp_path: Path) -> None:
    static_root = tmp_path / "static"
    old_module = static_root / OLD_RELEASE / "app-realtime.js"
    old_module.parent.mkdir(parents=True)
    old_module.write_text("export {};")
    with running_stack(
        tmp_path,
        DJANGO_SETTINGS_MODULE="tests.journeys.collected_settings",
        TEST_STATIC_ROOT=str(static_root),
    ) as stack:
        assert "kaiwa.W007" in stack.log()
        stack.stop("server")
        stack.manage("collectstatic", "--no-input", "--verbosity", "0")
        stack.start_server()
        assert stack.log().count("kaiwa.W007") == 1

        page = http("GET", f"{stack.url}/")
        assert "no-cache" in page.headers["Cache-Control"]
        urls = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
        releases = {url.split("/")[2] for url in urls}
        assert len(releases) == 1
        (release,) = releases
        worklet = f"/static/{release}/audio/capture-worklet.js"
        assert {cache_control(stack, url) for url in [*urls, worklet]} == {IMMUTABLE}

        assert cache_control(stack, "/static/realtime-client.js") == REVALIDATED
        assert cache_control(stack, f"/static/{OLD_RELEASE}/app-realtime.js") == IMMUTABLE
        missing = http("GET", f"{stack.url}/static/fedcba9876543210/app-realtime.js")
        assert missing.status == 404
