"""What is stored: sessions, calls, turns, usage; the recorder, REST API and admin for them."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class ConversationsConfig(AppConfig):
    name = "backend.conversations"

    def ready(self) -> None:
        """Connect the control messages to logouts, disabled users and deleted sessions."""
        import_string("backend.conversations.control.connect_signals")()
