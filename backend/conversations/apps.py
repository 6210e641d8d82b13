"""WHAT IS KEPT: sessions, calls, turns, usage."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "backend.conversations"
