"""Every ending has one of the kinds of the chart, and each kind has words in both languages."""

import re

from django.utils import translation

from backend.protocol.endings import Ending
from backend.reports.endings import (
    KIND_LABELS,
    Kind,
    bad_share,
    by_kind,
    kind_of,
)


def test_each_label_has_both_languages() -> None:
    for label in KIND_LABELS.values():
        with translation.override("en"):
            assert str(label).isascii() and str(label).strip()
        with translation.override("ja"):
            assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", str(label))


def test_every_kind_has_a_label() -> None:
    assert set(KIND_LABELS) == set(Kind)


def test_kinds() -> None:
    kinds = {ending: kind_of(ending) for ending in Ending}
    of = {kind: {ending for ending in kinds if kinds[ending] is kind} for kind in Kind}
    assert of[Kind.NORMAL] == {"client_left", "completed", "draining", "idle", "taken_over"}
    assert of[Kind.LIMITED] >= {"time_limit", "rate_limit", "too_many_calls", "server_full"}
    assert of[Kind.REFUSED] == {"bad_frames", "unauthenticated", "revoked", "forbidden"}
    assert of[Kind.LOST] == {"too_slow", "unresponsive"}
    assert of[Kind.FAILED] >= {"internal", "provider_timeout", "interrupted"}


def test_an_ending_of_another_version_has_failed() -> None:
    assert kind_of("melted") is Kind.FAILED


def test_calls_are_counted_by_kind_in_the_charts_order() -> None:
    counts = by_kind({"client_left": 3, "idle": 1, "internal": 2, "too_slow": 1})
    assert list(counts) == list(Kind)
    assert counts[Kind.NORMAL] == 4 and counts[Kind.FAILED] == 2 and counts[Kind.REFUSED] == 0


def test_the_share_of_lost_and_failed_calls() -> None:
    assert bad_share({"client_left": 6, "internal": 1, "too_slow": 1}) == 0.25
    assert bad_share({}) is None
