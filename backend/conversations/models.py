"""The stored models: Session, Call, Reply, Turn, Usage, and PeriodicJob for background jobs.

Every rule that one row can break is a database constraint.
"""

import uuid
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from backend import catalogue
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Modality, Role, TurnStatus

TITLE_LENGTH = 200
DEFAULT_PROVIDER = "openai"
COST_DIGITS = 20
COST_PLACES = 10
"""The cheapest token costs 6e-8 USD, so token costs are stored exactly."""


class VisibleSessions(models.Manager["Session"]):
    """Leaves out the sessions that their users have deleted."""

    def get_queryset(self) -> models.QuerySet["Session"]:
        """The sessions that are not deleted."""
        return super().get_queryset().filter(deleted_at__isnull=True)


class Session(models.Model):
    """A user's conversation, typed or spoken. Never Django's web session.

    A deleted session is hidden first, so that its user can restore it (`deleting`). `objects`, and
    with it every list, search, export and the admin, leaves it out; `with_deleted` is for what must
    still be written to it.

    `title_source` says where the title comes from. An empty title has the source `words`.

    `provider` and `model` are those of the newest call, or the defaults when the session was made.
    `next_position` is the first position that no call and no exchange has reserved; it changes only
    under the row's lock (`lifecycle`).
    """

    class Language(models.TextChoices):
        ENGLISH = "en", "English"
        JAPANESE = "ja", "日本語"

    class TitleSource(models.TextChoices):
        """Where a title comes from. Only `words` and `requested` are replaced by the model's."""

        WORDS = "words", "the user's first words, or nothing yet"
        REQUESTED = "requested", "the same, and a job to ask the model was enqueued"
        MODEL = "model", "the model"
        USER = "user", "a person"

        @classmethod
        def of_given(cls, title: str) -> "Session.TitleSource":
            """The source of a title that a person gives. An empty one is made again."""
            return cls.USER if title else cls.WORDS

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions"
    )
    title = models.CharField(max_length=TITLE_LENGTH, blank=True)
    title_source = models.CharField(
        max_length=16, choices=TitleSource, default=TitleSource.WORDS, editable=False
    )
    realtime_mode = models.BooleanField(
        default=False,
        editable=False,
        db_index=True,
        help_text="Set when the session's first voice turn is stored, and never unset.",
    )
    voice = models.CharField(
        max_length=64,
        blank=True,
        help_text="The voice that the user chose. Empty: none; see `effective_voice`.",
    )
    language = models.CharField(max_length=2, choices=Language, default=Language.ENGLISH)
    provider = models.CharField(max_length=32, default=DEFAULT_PROVIDER)
    model = models.CharField(max_length=100)
    next_position = models.BigIntegerField(default=0, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VisibleSessions()
    with_deleted = models.Manager["Session"]()

    class Meta:
        ordering = ("-updated_at", "id")
        indexes = (
            models.Index(fields=("user", "-updated_at"), name="session_of_user"),
            models.Index(fields=("-created_at",), name="session_created"),
            models.Index(
                fields=("deleted_at",),
                name="session_deleted",
                condition=Q(deleted_at__isnull=False),
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(language__in=("en", "ja")), name="session_language_known"
            ),
            models.CheckConstraint(
                condition=Q(title_source__in=("words", "requested", "model", "user")),
                name="session_title_source_known",
            ),
        )

    def __str__(self) -> str:
        return self.title or str(self.id)

    @property
    def effective_voice(self) -> str:
        """The voice of the session's next call: the chosen one, or the setting `REALTIME_VOICE`.

        A chosen voice that the catalogue no longer has counts as none: the provider would refuse
        the call.
        """
        return self.voice if self.voice in catalogue.VOICES else settings.REALTIME_VOICE

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the session for good with its rows, also while a call is opening in it.

        The row is locked first: Django collects the dependent rows before it begins a transaction.
        Rows that a call wrote in between would remain, and the commit would fail on them.
        """
        with transaction.atomic():
            Session.with_deleted.select_for_update().filter(pk=self.pk).first()
            return super().delete(*args, **kwargs)


class Call(models.Model):
    """One live connection of a session: its worker, its models, its start and its ending.

    The worker's heartbeat renews `lease_until`; once that time has passed, the worker is presumed
    dead and the call ends as `interrupted`. `login_at` is the creation time of the login that
    opened the call. `transcription_model` is empty in calls made before it was stored.
    `requested_ending` is how the worker shall end the call, if that was requested (`control`).
    """

    ENDINGS = tuple((ending.value, ending.value) for ending in Ending)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="calls")
    worker = models.CharField(max_length=100)
    provider = models.CharField(max_length=32, default=DEFAULT_PROVIDER)
    model = models.CharField(max_length=100)
    transcription_model = models.CharField(max_length=100, blank=True, default="")
    first_position = models.BigIntegerField()
    login_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=32, choices=ENDINGS, blank=True)
    requested_ending = models.CharField(
        max_length=32, blank=True, default="", db_default="", editable=False
    )

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


class Reply(models.Model):
    """The answer to one typed message outside a call. At most one runs in a session.

    `message_id` is the client's: it is answered once. `first_position` is the exchange's block: the
    message is its first turn and the answer its second. The process that runs the answer renews
    `lease_until`; once that time has passed, it is presumed dead. `attempt` counts the tries, so
    that a process that was presumed dead cannot end a later one. `failed` may be tried again.
    """

    STATUSES = tuple((status.value, status.value) for status in TurnStatus)

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="replies")
    message_id = models.CharField(max_length=64)
    first_position = models.BigIntegerField()
    attempt = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=16, choices=STATUSES, default=TurnStatus.IN_PROGRESS.value)
    stop_asked = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    lease_until = models.DateTimeField()

    class Meta:
        ordering = ("first_position",)
        constraints = (
            models.UniqueConstraint(fields=("session", "message_id"), name="reply_one_per_message"),
            models.UniqueConstraint(
                fields=("session",),
                name="reply_one_running",
                condition=Q(status=TurnStatus.IN_PROGRESS.value),
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in TurnStatus]),
                name="reply_status_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.message_id} {self.status}"


class Turn(models.Model):
    """One utterance or message by one speaker, within a call or (typed) without one.

    The key is (session, item, content index), so writing a turn twice is harmless. `position` gives
    the spoken order in the session. `text` is everything that was said or generated; `heard_text`
    and `heard_ms` are set only where playback was cut off.
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
    heard_text = models.TextField(null=True)  # noqa: DJ001 - null: all of it was heard; "": nothing was
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
    """The tokens or seconds that one response or transcription used, and their cost in USD.

    `source_id` is the id of the response or of the transcribed item; each is counted once. The
    cost is computed when the row is written, from the model that was used, at the prices of
    `price_date`. Null means that a price is unknown; unknown is never zero.
    """

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
    cost_usd = models.DecimalField(
        max_digits=COST_DIGITS, decimal_places=COST_PLACES, null=True, editable=False
    )
    price_date = models.DateField(null=True, editable=False)
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
            models.CheckConstraint(
                condition=Q(cost_usd__isnull=True, price_date__isnull=True)
                | Q(cost_usd__isnull=False, price_date__isnull=False),
                name="usage_cost_dated",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.source_id}"


class PeriodicJob(models.Model):
    """The time from which a periodic job may be enqueued again, by the job's name."""

    name = models.CharField(max_length=64, primary_key=True)
    due_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
