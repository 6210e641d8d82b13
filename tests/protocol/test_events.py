"""Our event names against the official SDK's, so that a new SDK version shows what changed."""

import typing
from typing import Any

from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent

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


def test_the_assembler_reads_only_events_that_exist() -> None:
    assert set(assembler._READERS) <= set(ServerEvent)
