"""PURE: what a response answers: the user's words before it, and the persona's line to them."""

from backend.simulator.engine.conversation import Conversation, Item
from backend.simulator.engine.effects import Event, Line
from backend.simulator.engine.input_transcripts import Transcripts
from backend.simulator.engine.response import Reply
from backend.simulator.persona.customer import Persona


def unanswered_sound(
    reply: Reply, conversation: Conversation, transcripts: Transcripts
) -> str | None:
    """The user's newest item, if it is sound that nobody has answered yet."""
    for item in reversed(_read_by(reply, conversation)):
        if item.role == "user":
            return item.id if transcripts.find(item.id) is not None else None
        if item.role == "assistant":
            return None
    return None


def _read_by(reply: Reply, conversation: Conversation) -> list[Item]:
    if reply.input_items is None:
        return list(conversation)
    # Whatever the client hands in is to be answered, even where the assistant speaks last in it.
    return [item for item in reply.input_items if item.role == "user"]


def _prompt_of(reply: Reply, conversation: Conversation, transcripts: Transcripts) -> str | None:
    """What the person said to this: text; "" for nothing; None for something not understood."""
    heard = transcripts.find(reply.prompt_id)
    if heard is not None:
        return heard.text
    for item in reversed(_read_by(reply, conversation)):
        if item.role == "assistant":
            return ""
        if item.role == "user":
            return item.parts[-1].text
    return ""


def line_to(
    reply: Reply,
    persona: Persona,
    session: Event,
    conversation: Conversation,
    transcripts: Transcripts,
) -> Line:
    """What the assistant says, in the language of the conversation."""
    items = [*conversation, *(reply.input_items or ())]
    user_texts = [transcripts.text_of(item) or "" for item in items if item.role == "user"]
    transcription = session["audio"]["input"]["transcription"] or {}
    language = persona.language(
        user_texts,
        transcription.get("language"),
        session["instructions"],
    )
    said = [item.said for item in conversation if item.said]
    return persona.answer(_prompt_of(reply, conversation, transcripts), said, language)
