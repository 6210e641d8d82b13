"""Titles that the model writes: asked for once, by a background job, after the first exchange.

Until then, and where no worker runs or the model does not answer, a session has the first words of
its user (`writing`). A title that a person gave is never replaced: each UPDATE here names the
source of the title that it replaces (`Session.title_source`).
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from django.utils import timezone
from django_tasks import task

from backend.accounts.safety_identifier import safety_identifier
from backend.configured_providers import ConfiguredProvider, provider_named
from backend.conversations.ledger import UsageWrite
from backend.conversations.models import Session, Turn
from backend.conversations.title_prompt import title_in, title_request
from backend.conversations.writing import write
from backend.database import atomic, execute, uuid_parameter
from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamError
from backend.protocol.transcript import turns
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from backend.relay.usage_estimate import estimated_text_usage
from backend.telemetry.logs import log_event
from backend.upstream.whole_answer import WholeAnswer, ask_whole
from backend.wording import Language

MAX_ATTEMPTS = 2
RETRY_AFTER = timedelta(minutes=1)
"""How long the second attempt waits, or longer if the provider asks for it."""

log = logging.getLogger(__name__)


class TitleListener:
    """The RecordListener that has a session titled once its first exchange is stored."""

    def wants_turns(self, turns: Sequence[turns.Turn], *, is_untitled: bool) -> bool:
        """Whether one of these turns may end the first exchange of an untitled session."""
        return is_untitled and any(map(_may_end_first_exchange, turns))

    def on_turns_kept(self, session_id: UUID, turns: Sequence[turns.Turn]) -> None:
        """Enqueue the job if the session has no better title than its first words."""
        enqueue_title(session_id)

    def on_call_ended(self, call_id: UUID, ending: Ending) -> None:
        """Nothing: a call that ends adds no exchange."""


def _may_end_first_exchange(turn: turns.Turn) -> bool:
    """Whether an exchange can be whole with this turn.

    The answer to a typed message is stored after it; the transcript of speech can come last.
    """
    is_typed = turn.role == Role.USER and turn.modality == Modality.TEXT
    return turn.status == TurnStatus.COMPLETED and bool(turn.text.strip()) and not is_typed


@dataclass(frozen=True, slots=True)
class Exchange:
    """The text of a question of the user's and of its answer."""

    question: str
    answer: str


def enqueue_title(session_id: UUID) -> bool:
    """Enqueue the job for this session, once. Returns whether it was enqueued now.

    One UPDATE decides, so that of any number of processes one enqueues it. Written out: the same by
    the ORM takes 3 ms of processor time, which the calls of a busy minute wait for.
    """
    with atomic():
        if not execute(_REQUEST, {"session_id": uuid_parameter(session_id)}):
            return False
        suggest_title.enqueue(str(session_id))
    return True


_SAID = f"""
    FROM {Turn._meta.db_table}
    WHERE session_id = %(session_id)s AND status = '{TurnStatus.COMPLETED}' AND text <> ''
    AND role ="""
_REQUEST = f"""
    UPDATE {Session._meta.db_table} SET title_source = '{Session.TitleSource.REQUESTED}'
    WHERE id = %(session_id)s AND title_source = '{Session.TitleSource.WORDS}'
    AND deleted_at IS NULL AND EXISTS (
        SELECT 1 {_SAID} '{Role.ASSISTANT}'
        AND position > (SELECT MIN(position) {_SAID} '{Role.USER}')
    )
"""
"""Requests the title of a session that has none of its own and a `first_exchange`."""


@task()
def suggest_title(session_id: str, attempt: int = 1) -> None:
    """Ask the model for the session's title, and store it unless a person has given one meanwhile.

    If the provider cannot be reached or fails, the job is enqueued once more; if it refuses, not.
    """
    requested = Session.objects.filter(pk=session_id, title_source=Session.TitleSource.REQUESTED)
    session = requested.first()
    exchange = None if session is None else first_exchange(session.pk)
    if session is None or exchange is None:
        return
    provider = provider_named(session.provider)
    model = provider.chat_model
    request = title_request(
        model,
        cast(Language, session.language),
        exchange.question,
        exchange.answer,
        safety_identifier(session.user_id),
    )
    try:
        answer = answer_to(provider, request)
    except UpstreamError as error:
        log_event(
            log, logging.WARNING, "title.failed",
            session_id=session_id, code=error.code, status=error.status,
        )  # fmt: skip
        if attempt < MAX_ATTEMPTS and error.ending is not Ending.PROVIDER_REFUSED:
            pause = max(RETRY_AFTER, timedelta(seconds=error.retry_after_s or 0))
            again = suggest_title.using(run_after=timezone.now() + pause)
            again.enqueue(session_id, attempt=attempt + 1)
        return
    usage = answer.usage or estimated_text_usage(f"title_{uuid4().hex}", request, answer.text)
    write([UsageWrite(session.pk, None, answer.model or model, usage, session.user_id)])
    if title := title_in(answer.text):
        requested.update(title=title, title_source=Session.TitleSource.MODEL)


def first_exchange(session_id: UUID) -> Exchange | None:
    """The first question with words of the user's, and the first whole answer after it.

    None if there is none yet. An answer that was interrupted or failed does not count. `_REQUEST`
    has the same rule.
    """
    said = Turn.objects.filter(session_id=session_id, status=TurnStatus.COMPLETED).exclude(text="")
    question = said.filter(role=Role.USER).first()
    if question is None:
        return None
    answer = said.filter(role=Role.ASSISTANT, position__gt=question.position).first()
    return None if answer is None else Exchange(question.text, answer.text)


def answer_to(provider: ConfiguredProvider, request: Mapping[str, Any]) -> WholeAnswer:
    """The answer of this provider's model. Raises an UpstreamError.

    With an event loop of its own: a job runs in a worker process, which has none.
    """
    return asyncio.run(_ask(provider, request))


async def _ask(provider: ConfiguredProvider, request: Mapping[str, Any]) -> WholeAnswer:
    async with provider.rest_client() as client:
        return await ask_whole(client, provider.provider, request)
