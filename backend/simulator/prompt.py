"""PURE: what a response answers: the user's words before it, and the persona's line to them."""

from backend.simulator.conversation import Conversation
from backend.simulator.effects import Event, Line
from backend.simulator.persona import Persona
from backend.simulator.reply import Reply
from backend.simulator.transcripts import Transcripts


def unanswered_sound(conversation: Conversation, transcripts: Transcripts) -> str | None:
    """The user's newest item, if it is sound that nobody has answered yet."""
    for item in reversed(list(conversation)):
        if item.role == "user":
            return item.id if transcripts.find(item.id) is not None else None
        if item.role == "assistant":
            return None
    return None


def _prompt_of(reply: Reply, conversation: Conversation, transcripts: Transcripts) -> str | None:
    """What the person said to this: text; "" for nothing; None for something not understood."""
    if reply.input_texts is not None:
        return reply.input_texts[-1] if reply.input_texts else ""
    heard = transcripts.find(reply.prompt_id)
    if heard is not None:
        return heard.text
    for item in reversed(list(conversation)):
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
    user_texts = [transcripts.text_of(item) or "" for item in conversation if item.role == "user"]
    transcription = session["audio"]["input"]["transcription"] or {}
    language = persona.language(
        [*user_texts, *(reply.input_texts or ())],
        transcription.get("language"),
        session["instructions"],
    )
    said = [item.said for item in conversation if item.said]
    return persona.answer(_prompt_of(reply, conversation, transcripts), said, language)
