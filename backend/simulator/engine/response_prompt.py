"""PURE: which user input a response answers, and the persona's utterance for it."""

from backend.simulator.engine.conversation import Conversation, Item
from backend.simulator.engine.effects import Event, Utterance
from backend.simulator.engine.input_transcripts import InputTranscripts
from backend.simulator.engine.ports import Persona
from backend.simulator.engine.response import Response


def unanswered_audio_id(
    response: Response, conversation: Conversation, transcripts: InputTranscripts
) -> str | None:
    """The id of the user's last item, if it is audio and no assistant item follows it."""
    for item in reversed(_items_read_by(response, conversation)):
        if item.role == "user":
            return item.id if transcripts.find(item.id) is not None else None
        if item.role == "assistant":
            return None
    return None


def _items_read_by(response: Response, conversation: Conversation) -> list[Item]:
    if response.input_items is None:
        return list(conversation)
    # The user items of `input` are answered even if an assistant item follows them.
    return [item for item in response.input_items if item.role == "user"]


def _user_text(
    response: Response, conversation: Conversation, transcripts: InputTranscripts
) -> str | None:
    """The user's text to answer: "" if there is none, None for speech that was not recognised."""
    audio_item = transcripts.find(response.answered_item_id)
    if audio_item is not None:
        return audio_item.text
    for item in reversed(_items_read_by(response, conversation)):
        if item.role == "assistant":
            return ""
        if item.role == "user":
            return item.parts[-1].text
    return ""


def choose_utterance(
    response: Response,
    persona: Persona,
    session: Event,
    conversation: Conversation,
    transcripts: InputTranscripts,
) -> Utterance:
    """The persona's answer, in the language of the conversation."""
    items = [*conversation, *(response.input_items or ())]
    user_texts = [transcripts.text_of(item) or "" for item in items if item.role == "user"]
    transcription = session["audio"]["input"]["transcription"] or {}
    language = persona.language(
        user_texts,
        transcription.get("language"),
        session["instructions"],
    )
    previous_replies = [item.reply_text for item in conversation if item.reply_text]
    user_text = _user_text(response, conversation, transcripts)
    return persona.answer(user_text, previous_replies, language)
