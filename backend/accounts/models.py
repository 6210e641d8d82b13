"""Tickets (one-use passes for a WebSocket handshake, stored as hashes) and marks of demo users."""

from django.conf import settings
from django.db import models


class Ticket(models.Model):
    """A one-use pass for a user and a session.

    `session_id` is no foreign key, because `accounts` must not import `conversations`.
    """

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
    """Marks a user that `make run` created, who is for development only."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"demo user {self.user_id}"
