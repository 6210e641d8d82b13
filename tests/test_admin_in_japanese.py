"""Each of our pages in the admin is Japanese for a Japanese reader: no English word is left.

The data are Japanese too, so what remains in Latin letters is a name, a code or a unit.
"""

import html
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from backend.audit.models import Action, AuditEntry, record
from backend.conversations.lifecycle import end_call
from backend.conversations.models import Session, Turn
from backend.conversations.reviews import review
from backend.direct.models import EphemeralKey
from backend.protocol.endings import Ending
from tests.cast import person
from tests.conversations.equipment import NOON, kept_turn, kept_usage, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NAMES = {
    "Kaiwa", "UTC", "USD", "ID", "JSON", "TXT", "CSV", "WebVTT", "ZIP", "English", "Reviewers",
    "REALTIME_MODEL", "gpt-realtime", "gpt-realtime-2.1", "gpt-transcribe", "gpt-5.6-luna",
    "openai", "marin", "ms",
}  # fmt: skip

OTHERS = ("Auth Token", "Search ", "True", "False")
"""Names of others' applications, and what Django's own catalogue lacks."""


@pytest.fixture
def hanako(db: None) -> User:
    return person("花子", is_staff=True)


@pytest.fixture
def session(hanako: User) -> Session:
    """A session with something of everything that its page can show."""
    session = new_session(person("太郎"), title="注文の相談", language="ja", realtime_mode=True)
    first = new_call(session, worker="一号")
    fields = {"text": "パンをください。", "position": first.first_position}
    kept_turn(session, first, item_id="1", **fields)
    fields |= {"role": "assistant", "heard_text": "パン", "heard_ms": 840, "first_sound_ms": 640}
    kept_turn(session, first, item_id="2", status="interrupted", **fields)
    kept_turn(session, first, item_id="3", text="", status="failed")
    kept_turn(session, first, item_id="4", status="in_progress", role="tool", text="")
    end_call(first.call_id, Ending.PROVIDER_FAILED)
    kept_turn(session, item_id="5", modality="text", text="文字です。", position=2)
    kept_turn(session, item_id="6", modality="text", text="はい。", role="assistant", position=3)
    kept_turn(session, item_id="7", text="直接です。", is_reported=True, position=4)
    of_call = {"call_id": first.call_id, "item_id": "2", "is_estimated": True}
    counts = {"audio_in": 200, "audio_in_cached": 100, "text_in": 7, "image_in": 1, "audio_out": 9}
    kept_usage(session, "r", "gpt-realtime", **of_call, **counts)
    kept_usage(session, "1", "gpt-transcribe", kind="transcription", seconds=2.5)
    kept_usage(session, "u", "不明", item_id="6", text_out=3)
    new_call(session, worker="二号")
    key = {"provider": "openai", "model": "gpt-realtime", "voice": "marin"}
    EphemeralKey.objects.create(user=session.user, expires_at=NOON, **key)
    review(session.pk, hanako, "丁寧でした。")
    return session


def words_of(page: str) -> set[str]:
    """The words in Latin letters that a reader or a screen reader finds on the page."""
    page = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", page)
    page = re.sub(r'<input type="(?:hidden|checkbox)"[^>]*>|(?<=<option) value="[^"]*"', " ", page)
    spoken = re.findall(r'\s(?:aria-label|title|alt|placeholder|value)="([^"]*)"', page)
    text = html.unescape(" ".join([re.sub(r"(?s)<[^>]*>", " ", page), *spoken]))
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", " ", text)
    for phrase in OTHERS:
        text = text.replace(phrase, " ")
    return set(re.findall(r"[A-Za-z][\w.-]*[A-Za-z0-9]", text, re.ASCII)) - NAMES


def test_the_words_of_a_page_are_found() -> None:
    page = '<head>No</head><p title="Yes">Ja<b>pan</b> 日本 USD 1a</p><script>no</script>'
    assert words_of(page) == {"Yes", "Ja", "pan"}


@pytest.mark.parametrize(
    "page",
    [
        "index",
        "conversations_session_changelist",
        "conversations_session_change",
        "conversations_session_delete",
        "audit_auditentry_changelist",
        "audit_auditentry_change",
        "auth_user_changelist",
        "direct_ephemeralkey_changelist",
        "direct_ephemeralkey_change",
        "live_desk_livecall_changelist",
        "live_desk_livecall_end",
        "reports_dailyfigures_changelist",
        "spending_budget_changelist",
        "spending_budget_add",
        "conversations_retentionrule_changelist",
        "conversations_retentionrule_add",
    ],
)
def test_a_page_is_japanese(client: Client, hanako: User, session: Session, page: str) -> None:
    for action in Action:
        record(hanako, action, "session", session.pk, session.user_id)
    targets = {
        "conversations_session_change": session.pk,
        "conversations_session_delete": session.pk,
        "direct_ephemeralkey_change": EphemeralKey.objects.get().pk,
        "audit_auditentry_change": AuditEntry.objects.earliest("pk").pk,
        "live_desk_livecall_end": session.calls.get(ended_at=None).pk,
    }
    client.force_login(hanako)
    args = [targets[page]] if page in targets else []
    answer = client.get(reverse(f"admin:{page}", args=args), HTTP_ACCEPT_LANGUAGE="ja,en;q=0.5")
    assert answer.status_code == 200
    assert words_of(answer.content.decode()) == set()
    assert Turn.objects.count() == 7
