"""The fixtures that are left out exist, and no test needs what they do."""

from pathlib import Path

from pytest_django import plugin

from tests.idle_fixtures import DATABASE_MARKER, IDLE

TESTS = Path(__file__).resolve().parent


def test_the_fixtures_are_those_of_the_installed_plugin() -> None:
    # A name that an update changes would be set up for each test again.
    assert [name for name in {*IDLE, DATABASE_MARKER} if not hasattr(plugin, name)] == []


# Markers, fixtures and objects that would make one of them act.
USES = (
    "mark.urls", "mark.django_isolate_apps", "mark.ignore_template_errors", "mailoutbox:",
    "live_server:", "django_isolated_apps:", "mail.outbox", "TestCase)",
)  # fmt: skip


def test_no_test_uses_what_they_act_on() -> None:
    for path in TESTS.rglob("test_*.py"):
        text = path.read_text("utf-8")
        assert path == Path(__file__) or not [use for use in USES if use in text], path
