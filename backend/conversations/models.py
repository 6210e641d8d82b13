"""What is kept: Session, Call, Turn, Usage. Laws that a row can break by itself are constraints."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Modality, Role, TurnStatus

TITLE_LENGTH = 200


class Session(models.Model):
    """A user's conversation, typed or spoken. Django's web session is never meant."""

    class Language(models.TextChoices):
        ENGLISH = "en", "English"
        JAPANESE = "ja", "日本語"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions"
    )
    title = models.CharField(max_length=TITLE_LENGTH, blank=True)
    realtime_mode = models.BooleanField(
        default=False,
        editable=False,
        db_index=True,
        help_text="Something was spoken here: set with the first voice turn, and it stays.",
    )
    voice = models.CharField(max_length=64)
    language = models.CharField(max_length=2, choices=Language, default=Language.ENGLISH)
    model = models.CharField(max_length=100)
    closed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-updated_at", "id")
        indexes = (
            models.Index(fields=("user", "-updated_at"), name="session_of_user"),
            models.Index(fields=("-created_at",), name="session_created"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(language__in=("en", "ja")), name="session_language_known"
            ),
        )

    def __str__(self) -> str:
        return self.title or str(self.id)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete it with its calls, turns and usage, also while a call is opening in it.

        Locked first: Django collects what hangs on a row before it begins a transaction, and what
        a call wrote in between would be left over, so that the commit failed.
        """
        with transaction.atomic():
            Session.objects.select_for_update().filter(pk=self.pk).first()
            return super().delete(*args, **kwargs)


class Call(models.Model):
    """One live connection of a session: when, by which worker, how it ended.

    `lease_until` is renewed while the worker lives; when it has run out, the worker is presumed
    dead and the call ends as `interrupted`. `login_at` is when the login was made that opened it.
    """

    ENDINGS = tuple((ending.value, ending.value) for ending in Ending)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="calls")
    worker = models.CharField(max_length=100)
    model = models.CharField(max_length=100)
    first_position = models.BigIntegerField()
    login_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=32, choices=ENDINGS, blank=True)

    class Meta:
        ordering = ("first_position",)
        indexes = (
            models.Index(
                fields=("lease_until",), name="call_open_lease", condition=Q(ended_at__isnull=True)
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("session",), name="call_one_open", condition=Q(ended_at__isnull=True)
            ),
            models.UniqueConstraint(
                fields=("session", "first_position"), name="call_own_positions"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ending="")
                | (Q(ended_at__isnull=False) & ~Q(ending="")),
                name="call_ended_has_ending",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="call_ends_after_start",
            ),
        )

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.ending or 'live'}"


class Turn(models.Model):
    """One finished utterance or message by one speaker; said and heard are two things.

    Told by (session, item, content index): writing twice is harmless. `position` is the spoken
    order in the session.
    """

    ROLES = tuple((role.value, role.value) for role in Role)
    MODALITIES = tuple((modality.value, modality.value) for modality in Modality)
    STATUSES = tuple((status.value, status.value) for status in TurnStatus)

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="turns")
    call = models.ForeignKey(Call, on_delete=models.CASCADE, null=True, related_name="turns")
    item_id = models.CharField(max_length=128)
    content_index = models.PositiveSmallIntegerField(default=0)
    role = models.CharField(max_length=16, choices=ROLES)
    modality = models.CharField(max_length=16, choices=MODALITIES)
    text = models.TextField(blank=True)
    heard_text = models.TextField(null=True)  # noqa: DJ001 - null is "all was heard", "" is "nothing"
    heard_ms = models.PositiveIntegerField(null=True)
    status = models.CharField(max_length=16, choices=STATUSES)
    position = models.BigIntegerField()
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("position", "id")
        indexes = (models.Index(fields=("session", "position"), name="turn_spoken_order"),)
        constraints = (
            models.UniqueConstraint(
                fields=("session", "item_id", "content_index"), name="turn_told_once"
            ),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in Role]), name="turn_role_known"
            ),
            models.CheckConstraint(
                condition=Q(modality__in=[modality.value for modality in Modality]),
                name="turn_modality_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in TurnStatus]),
                name="turn_status_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.role} {self.item_id}"


class Usage(models.Model):
    """What one response or transcription cost, in tokens or seconds; counted once per source."""

    KINDS = (("response", "response"), ("transcription", "transcription"))

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="usages")
    call = models.ForeignKey(Call, on_delete=models.CASCADE, null=True, related_name="usages")
    source_id = models.CharField(max_length=128)
    kind = models.CharField(max_length=16, choices=KINDS)
    model = models.CharField(max_length=100)
    text_in = models.PositiveIntegerField(default=0)
    text_in_cached = models.PositiveIntegerField(default=0)
    audio_in = models.PositiveIntegerField(default=0)
    audio_in_cached = models.PositiveIntegerField(default=0)
    image_in = models.PositiveIntegerField(default=0)
    image_in_cached = models.PositiveIntegerField(default=0)
    text_out = models.PositiveIntegerField(default=0)
    audio_out = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0.0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("session", "source_id", "kind"), name="usage_counted_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("response", "transcription")), name="usage_kind_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.source_id}"
