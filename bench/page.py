"""Measure the page with long sessions, in Chromium.

    python -m bench.page [--turns 100 1000 6000]

Prints for each length, in milliseconds: loading the session (first line shown, all lines in the
document, the longest task until then), and the main thread's time for one redraw of a written and
of a spoken answer that grows, and for a frame of scrolling: p50, p95, max, and the mean of its
processor time, which other load on the machine changes less. Then a jump to either end, the
megabytes of JavaScript's heap and the nodes of the document. The frames are real ones, of headless
Chromium without a graphics card; `bench/page_probe.js` says what counts.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

from tests.journeys.audio.equipment import chromium
from tests.journeys.page.contexts import storage_script
from tests.journeys.page.visitor import Login, register, running_page_stack
from tests.journeys.stack import Stack, http

PROBE = (Path(__file__).parent / "page_probe.js").read_text()
FRAMES = 120
TARGET_MS = 16
FILL = """
from django.utils import timezone
from backend.conversations.models import Session, Turn
TEXTS = {{
    "user": "パンをください。 One loaf of rye, please, and two rolls. ",
    "assistant": "Of course: **rye**, and\\n\\n- two `rolls`\\n- かしこまりました。 ",
}}
now = timezone.now()
Turn.objects.bulk_create(
    (
        Turn(
            session=Session.objects.get(pk="{session_id}"), item_id=f"item_{{n}}", role=role,
            modality="text" if n % 4 < 2 else "voice", status="completed",
            text=TEXTS[role] * (1 + n % 3), position=n, started_at=now, completed_at=now,
        )
        for n in range({turns})
        for role in ["assistant" if n % 2 else "user"]
    ),
    batch_size=500,
)
"""


def filled_session(stack: Stack, login: Login, turns: int) -> str:
    """Store a session with this many turns, typed and spoken by halves. Returns its id."""
    answer = http("POST", f"{stack.url}/api/sessions/", {}, token=login.token)
    session_id: str = answer.json["id"]
    stack.manage("shell", "--verbosity", "0", "-c", FILL.format(session_id=session_id, turns=turns))
    return session_id


def metrics(devtools: CDPSession) -> dict[str, float]:
    """Return what Chromium counts for the page."""
    counted = devtools.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: metric["value"] for metric in counted}


def measure_frames(page: Page, devtools: CDPSession, name: str, script: str) -> None:
    """Run a script that returns the times of frames, and print them."""
    before_s = metrics(devtools)["ThreadTime"]
    times_ms: list[float] = page.evaluate(script)
    cpu_ms = (metrics(devtools)["ThreadTime"] - before_s) * 1000 / len(times_ms)
    p50, p95 = (statistics.quantiles(times_ms, n=20)[index] for index in (9, 18))
    over = sum(ms >= TARGET_MS for ms in times_ms)
    print(
        f"  {name:16} p50 {p50:6.1f}  p95 {p95:6.1f}  max {max(times_ms):6.1f}  cpu {cpu_ms:5.1f}"
        f"  {over} of {len(times_ms)} over {TARGET_MS}",
        flush=True,
    )


def measure(page: Page, stack: Stack, session_id: str, turns: int) -> None:
    """Open the session in the page and print its figures."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(f"{stack.url}/#/s/{session_id}")
    load: dict[str, Any] = page.evaluate("(count) => probe.loaded(count)", turns)
    print(
        f"{turns} turns\n  load             first {load['firstMs']:.0f}  all {load['allMs']:.0f}"
        f"  longest task {load['longestMs']:.0f}"
    )
    measure_frames(page, devtools, "written answer", f"probe.writtenAnswer({FRAMES})")
    page.reload()
    page.evaluate("(count) => probe.loaded(count)", turns)
    # A call without a microphone.
    page.evaluate("kaiwa.talk.client.connect()")
    measure_frames(page, devtools, "spoken answer", f"probe.spokenAnswer({FRAMES})")
    measure_frames(page, devtools, "scrolling", f"probe.scroll({FRAMES // 2})")
    jump: dict[str, Any] = page.evaluate("probe.jump()")
    to_start, to_end = jump["times"]
    print(
        f"  jump             to the beginning {to_start:.0f}  to the end {to_end:.0f}"
        f" ({jump['distancePx']:.0f} px from it)"
    )
    devtools.send("HeapProfiler.collectGarbage")
    counted = metrics(devtools)
    heap_mb = counted["JSHeapUsedSize"] / 1e6
    print(f"  memory           {heap_mb:.0f} MB  {counted['Nodes']:.0f} nodes", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the page with long sessions.")
    parser.add_argument("--turns", type=int, nargs="+", default=[100, 1000, 6000])
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_page_stack(Path(folder)) as stack,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        login = register(stack)
        for turns in options.turns:
            session_id = filled_session(stack, login, turns)
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.set_default_timeout(300_000)
            for script in (storage_script(login.token, {}), PROBE):
                page.add_init_script(script)
            measure(page, stack, session_id, turns)
            context.close()


if __name__ == "__main__":
    main()
