"""Tickets: one-use passes for a WebSocket handshake, of which only a hash is stored."""

from django.conf import settings
from django.db import models


class Ticket(models.Model):
    """A pass for one user to one session, a bare id: this room knows no conversations."""

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tickets"
    )
    session_id = models.UUIDField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"ticket of user {self.user_id}"
