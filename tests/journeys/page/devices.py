"""Browser contexts, lent from one visitor to the next and as good as new to each.

A context that has opened the page before, and keeps a blank one open, opens it again in half the
processor time: its renderer is there, and so are the page's modules, which it only asks about.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from playwright.sync_api import Browser, BrowserContext

_Idle = defaultdict[str, list[BrowserContext]]
_idle: WeakKeyDictionary[Browser, _Idle] = WeakKeyDictionary()


@contextmanager
def device(
    browser: Browser, permissions: Sequence[str], *, is_new: bool, **options: Any
) -> Iterator[BrowserContext]:
    """A context with these options and nothing open; `remembered` makes it forget the one before.

    A new one was used by nobody and will be by nobody else: for journeys about a first load, or
    with a clock of their own, which a context keeps for good. One that a journey failed on is
    not lent again either.
    """
    idle = _idle.setdefault(browser, defaultdict(list))[json.dumps(options, sort_keys=True)]
    context = idle.pop() if idle and not is_new else _with_a_blank_page(browser, options)
    context.grant_permissions(list(permissions))
    try:
        yield context
    except BaseException:
        context.close()
        raise
    if is_new:
        context.close()
        return
    _, *pages = context.pages
    for page in pages:
        page.close()
    context.set_offline(False)
    context.clear_permissions()
    idle.append(context)


def _with_a_blank_page(browser: Browser, options: dict[str, Any]) -> BrowserContext:
    context = browser.new_context(**options)
    context.new_page()
    return context


def remembered(token: str, preferences: dict[str, Any]) -> str:
    """A script that gives a device its memory before the visitor's first page, and no later one.

    Playwright's own storage state opens a page for that: 0.3 s for each visitor, by measurement.
    """
    memory = {"kaiwa.preferences": json.dumps(preferences), "kaiwa.token": token}
    return f"""
      if (location.protocol !== "about:" && !("test.is-remembered" in sessionStorage)) {{
        sessionStorage.setItem("test.is-remembered", "");
        localStorage.clear();
        Object.assign(localStorage, {json.dumps(memory)});
      }}
    """
