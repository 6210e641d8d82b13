"""Tickets: one-use passes for a WebSocket handshake, of which only a hash is stored. Demo users."""

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


class DemoUser(models.Model):
    """A mark on a user whom the demo made, and nobody else: such a user is for development only."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"demo user {self.user_id}"
