"""Our names and shapes against the official SDK's, so that drift is seen."""

import typing
from typing import Any

import pytest
from openai.types.realtime import (
    ConversationItemAdded,
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    ConversationItemTruncatedEvent,
    InputAudioBufferCommittedEvent,
    InputAudioBufferSpeechStartedEvent,
    InputAudioBufferSpeechStoppedEvent,
    RealtimeClientEvent,
    RealtimeConversationItemAssistantMessage,
    RealtimeConversationItemUserMessage,
    RealtimeResponse,
    RealtimeServerEvent,
    ResponseAudioTranscriptDeltaEvent,
    ResponseAudioTranscriptDoneEvent,
    ResponseContentPartDoneEvent,
    ResponseDoneEvent,
    ResponseTextDoneEvent,
)
from openai.types.realtime.realtime_conversation_item_assistant_message import (
    Content as AssistantContent,
)
from openai.types.realtime.realtime_conversation_item_user_message import Content as UserContent

from backend.protocol import events
from backend.protocol.events import ClientEvent, ServerEvent
from backend.protocol.transcript import assembler


def _names(union: Any) -> set[str]:
    members = typing.get_args(typing.get_args(union)[0])
    return {typing.get_args(member.model_fields["type"].annotation)[0] for member in members}


def test_the_client_events_are_those_of_the_official_sdk() -> None:
    assert set(ClientEvent) == _names(RealtimeClientEvent)
    assert len(ClientEvent) == 11


def test_the_server_events_are_those_of_the_official_sdk() -> None:
    assert set(ServerEvent) == _names(RealtimeServerEvent)
    assert len(ServerEvent) == 46


def test_the_transcript_listens_only_to_events_that_exist() -> None:
    assert set(assembler._READERS) <= set(ServerEvent)


@pytest.mark.parametrize(
    ("shape", "models"),
    [
        (events.ContentPart, [UserContent, AssistantContent]),
        (
            events.ConversationItem,
            [RealtimeConversationItemUserMessage, RealtimeConversationItemAssistantMessage],
        ),
        (events.RealtimeResponse, [RealtimeResponse]),
        (events.ItemEvent, [ConversationItemAdded]),
        (
            events.BufferEvent,
            [
                InputAudioBufferSpeechStartedEvent,
                InputAudioBufferSpeechStoppedEvent,
                InputAudioBufferCommittedEvent,
            ],
        ),
        (
            events.PartEvent,
            [
                ConversationItemInputAudioTranscriptionDeltaEvent,
                ConversationItemInputAudioTranscriptionCompletedEvent,
                ConversationItemTruncatedEvent,
                ResponseAudioTranscriptDeltaEvent,
                ResponseAudioTranscriptDoneEvent,
                ResponseTextDoneEvent,
                ResponseContentPartDoneEvent,
            ],
        ),
        (events.ResponseEvent, [ResponseDoneEvent]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_field_of_our_shapes_is_a_field_of_the_sdk(shape: Any, models: list[Any]) -> None:
    known = {name for model in models for name in model.model_fields}
    assert set(shape.__annotations__) <= known
