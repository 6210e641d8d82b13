"""A pool of browser contexts, reset between tests.

A context that has opened the page before, and keeps a blank page open, opens it again in half the
processor time: its renderer runs already, and the page's modules are in its cache.
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
def browser_context(
    browser: Browser, permissions: Sequence[str], *, is_new: bool, **options: Any
) -> Iterator[BrowserContext]:
    """Take a context with these options from the pool, or make one; return it at the end.

    `storage_script` clears what the test before has stored. With `is_new` the context is new and
    not returned to the pool: for tests of a first load, and for tests that install a fake clock,
    which cannot be removed from a context. After a failed test the context is closed.
    """
    idle = _idle.setdefault(browser, defaultdict(list))[json.dumps(options, sort_keys=True)]
    context = idle.pop() if idle and not is_new else _new_context(browser, options)
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


def _new_context(browser: Browser, options: dict[str, Any]) -> BrowserContext:
    context = browser.new_context(**options)
    context.new_page()
    return context


def storage_script(token: str, preferences: dict[str, Any]) -> str:
    """Return a script that fills localStorage before the first page load, and not on a reload.

    Playwright's `storage_state` would open a page for that: 0.3 s for each test, measured.
    """
    storage = {"kaiwa.preferences": json.dumps(preferences), "kaiwa.token": token}
    return f"""
      if (location.protocol !== "about:" && !("test.is-filled" in sessionStorage)) {{
        sessionStorage.setItem("test.is-filled", "");
        localStorage.clear();
        Object.assign(localStorage, {json.dumps(storage)});
      }}
    """
