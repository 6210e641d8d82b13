"""Leaves out the autouse fixtures of plugins that do nothing in a test of ours.

pytest sets up each autouse fixture for each test, and inspects a signature for each `request` among
their arguments. pytest-django has nine: for mails, the sites framework, `unittest` classes and
markers that no test of ours uses. They took 2 ms of processor time for each test.
"""

from collections.abc import Iterable

import pytest

# Of pytest-django 4.14: they act only on what no test has, but for the database's own marker.
IDLE = frozenset({
    "_dj_autoclear_mailbox",
    "_django_clear_site_cache",
    "_django_isolate_apps",
    "_django_set_urlconf",
    "_django_setup_unittest",
    "_live_server_helper",
    "_template_string_if_invalid_marker",
})  # fmt: skip
DATABASE_MARKER = "_django_db_marker"

# They are set up with the first test and stay until the last has run.
OF_THE_SESSION = frozenset({
    "_close_recorder_pool",
    "_fail_for_invalid_template_variable",
    "django_db_blocker",
    "django_test_environment",
    "event_loop_policy",
})  # fmt: skip

# pytest itself provides them to the fixtures that have them as arguments.
ARGUMENTS = frozenset({"monkeypatch", "request"})


def leave_out_idle_fixtures(items: Iterable[pytest.Item]) -> None:
    """Remove the idle fixtures from each test's list, and those of the session from all but the
    first.

    A test that may be skipped is not the first: its fixtures are perhaps not set up.
    """
    is_session_set_up = False
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        idle = IDLE | (ARGUMENTS | OF_THE_SESSION if is_session_set_up else ARGUMENTS)
        if item.get_closest_marker("django_db") is None:
            idle |= {DATABASE_MARKER}
        idle -= set(item._fixtureinfo.argnames)
        # The tests of one function share a list.
        names = [name for name in item.fixturenames if name not in idle]
        item.fixturenames = names
        if not any(item.iter_markers("skip")) and not any(item.iter_markers("skipif")):
            is_session_set_up = True
