"""Sessions, calls, turns and usage: their models, recorder, REST API and admin."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class ConversationsConfig(AppConfig):
    name = "backend.conversations"

    def ready(self) -> None:
        """Connect the signals that publish control messages.

        They are sent for logouts, disabled users and deleted sessions.
        """
        import_string("backend.conversations.control.connect_signals")()
