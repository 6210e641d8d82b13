"""What is stored: sessions, calls, turns, usage; the recorder, REST API and admin for them."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "backend.conversations"
