"""Sessions, calls, turns and usage: their models, recorder, REST API and admin."""

from django.apps import AppConfig
from django.utils.module_loading import import_string

from backend.bilingual import bilingual


class ConversationsConfig(AppConfig):
    name = "backend.conversations"
    verbose_name = bilingual("Conversations", "会話の記録")

    def ready(self) -> None:
        """Connect the signals that publish control messages and delete tapes.

        Control messages are sent for logouts, disabled users and deleted sessions.
        """
        import_string("backend.conversations.control.connect_signals")()
        import_string("backend.conversations.tape_files.connect_signals")()
