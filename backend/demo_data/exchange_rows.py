"""Adds one typed exchange without a call to the draft of a session."""

from datetime import timedelta

from backend.conversations.models import Reply
from backend.conversations.replies import ANSWER, LEASE, MESSAGE
from backend.demo_data.bills import text_tokens
from backend.demo_data.draft import Draft
from backend.protocol.transcript.turns import Modality, Role, TurnStatus

CHARACTERS_PER_S = 90.0
"""How fast a model writes."""


def add_exchange(draft: Draft, status: TurnStatus) -> Reply:
    """Add a message that is sent now, and its answer. A failed answer has no turn."""
    question, answer = draft.talk.written()
    first_position = draft.take_block()
    message_id = draft.id("msg_")
    started_at = draft.clock
    draft.add_turn(
        None, Role.USER, Modality.TEXT, question,
        position=first_position + MESSAGE, started_at=started_at, item_id=message_id,
    )  # fmt: skip
    draft.context.add_text(text_tokens(question, draft.language))
    is_whole = status == TurnStatus.COMPLETED
    answer_id = f"{message_id}_reply"
    text = answer if is_whole else answer[: len(answer) // 3]
    draft.clock += timedelta(seconds=draft.dice.uniform(0.5, 1.5) + len(text) / CHARACTERS_PER_S)
    if status != TurnStatus.FAILED:
        draft.add_turn(
            None, Role.ASSISTANT, Modality.TEXT, text,
            position=first_position + ANSWER,
            started_at=started_at,
            item_id=answer_id,
            status=status,
        )  # fmt: skip
    if is_whole:
        # An answer that was stopped has no bill: the provider sends it with the answer's end.
        bill = draft.context.written_answer(draft.id("resp_"), text_tokens(text, draft.language))
        draft.add_usage(bill, draft.chat_model, draft.clock, item_id=answer_id)
    reply = Reply(
        session=draft.rows.session,
        message_id=message_id,
        first_position=first_position,
        status=status,
        started_at=started_at,
        lease_until=draft.clock + LEASE,
    )
    draft.rows.replies.append(reply)
    return reply
