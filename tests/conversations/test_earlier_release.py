"""Rows that the earlier release wrote without the new columns are completed."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from backend.conversations.earlier_release import UPGRADE_TAKES, complete_rows
from backend.conversations.models import Session, Turn, Usage
from tests.conversations.equipment import kept_turn, kept_usage, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_a_usage_gets_its_user_and_a_turn_its_search_text(owner: User) -> None:
    session = new_session(owner)
    kept_usage(session, "resp_1", "gpt-realtime", user_id=None)
    gone = kept_usage(session, "resp_2", "gpt-realtime", user_id=None)
    Usage.objects.filter(pk=gone.pk).update(session=None)
    kept_turn(session, text="パン")
    kept_turn(session, item_id="empty", text="")
    Turn.objects.update(search_text="")
    assert complete_rows() == 2
    assert dict(Usage.objects.values_list("source_id", "user")) == {
        "resp_1": owner.pk,
        "resp_2": None,
    }
    assert set(Turn.objects.values_list("search_text", flat=True)) == {"ぱん", ""}
    assert complete_rows() == 0


def test_a_title_gets_its_search_text(owner: User) -> None:
    new_session(owner, title="ﾊﾟﾝ")
    new_session(owner, title="")
    Session.objects.update(search_title="")
    assert complete_rows() == 1
    assert set(Session.objects.values_list("search_title", flat=True)) == {"ぱん", ""}
    assert complete_rows() == 0


def test_only_what_changed_during_an_upgrade_is_looked_at(owner: User) -> None:
    session = new_session(owner)
    kept_turn(session)
    Turn.objects.update(search_text="")
    Session.objects.update(updated_at=timezone.now() - UPGRADE_TAKES - timedelta(hours=1))
    assert complete_rows() == 0
