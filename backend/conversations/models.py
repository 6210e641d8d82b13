"""The stored models: sessions with their calls, replies, turns, usages and reviews; rules; jobs.

Every rule that one row can break is a database constraint.
"""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from backend import catalogue
from backend.bilingual import bilingual
from backend.conversations.folded_copy import FoldedCopy
from backend.conversations.folding import folded
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Modality, Role, TurnStatus

TITLE_LENGTH = 200
NOTE_LENGTH = 2000
USERNAME_LENGTH = 150
DEFAULT_PROVIDER = "openai"
COST_DIGITS = 20
COST_PLACES = 10
"""The cheapest token costs 6e-8 USD, so token costs are stored exactly."""

MAX_KEEP_DAYS = 36_500


class SessionQuerySet(models.QuerySet["Session"]):
    """Sessions whose titles are found by what they are changed to."""

    def update(self, **changes: Any) -> int:
        """Update the rows. A new title takes its folded copy along (`Session.search_title`)."""
        if isinstance(title := changes.get("title"), str):
            changes["search_title"] = folded(title)
        return super().update(**changes)


class AllSessions(models.Manager["Session"]):
    """Every session."""

    def get_queryset(self) -> SessionQuerySet:
        """The sessions, also those that are deleted."""
        return SessionQuerySet(self.model, using=self._db)


class VisibleSessions(AllSessions):
    """Leaves out the sessions that their users have deleted."""

    def get_queryset(self) -> SessionQuerySet:
        """The sessions that are not deleted."""
        return super().get_queryset().filter(deleted_at__isnull=True)


def voice_in_use(chosen: str) -> str:
    """The voice of a session's next call: the chosen one, or the setting `REALTIME_VOICE`.

    A chosen voice that the catalogue no longer has counts as none: the provider would refuse the
    call.
    """
    default: str = settings.REALTIME_VOICE
    return chosen if chosen in catalogue.VOICES else default


class Session(models.Model):
    """A user's conversation, typed or spoken. Never Django's web session.

    A deleted session is hidden first, so that its user can restore it (`deleting`). `objects`, and
    with it every list, search, export and the admin, leaves it out; `with_deleted` is for what must
    still be written to it.

    `title_source` says where the title comes from. An empty title has the source `words`.
    `search_title` is the title as a search compares it (`folding`).

    `provider` is that of the next call, answer or clip. `model` is that of the newest call, or the
    default when the session was made or its provider was changed.
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

    id = models.UUIDField("ID", primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="sessions",
        verbose_name=bilingual("user", "ユーザー"),
    )
    title = models.CharField(bilingual("title", "タイトル"), max_length=TITLE_LENGTH, blank=True)
    search_title = FoldedCopy(of="title", blank=True, default="", db_default="", editable=False)
    title_source = models.CharField(
        max_length=16, choices=TitleSource, default=TitleSource.WORDS, editable=False
    )
    realtime_mode = models.BooleanField(
        bilingual("realtime mode", "音声モード"),
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
    language = models.CharField(
        bilingual("language", "言語"), max_length=2, choices=Language, default=Language.ENGLISH
    )
    provider = models.CharField(
        bilingual("provider", "プロバイダー"), max_length=32, default=DEFAULT_PROVIDER
    )
    model = models.CharField(bilingual("model", "モデル"), max_length=100)
    next_position = models.BigIntegerField(default=0, editable=False)
    closed_at = models.DateTimeField(bilingual("closed at", "終了日時"), null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(
        bilingual("created at", "作成日時"), default=timezone.now, editable=False
    )
    updated_at = models.DateTimeField(
        bilingual("updated at", "更新日時"), default=timezone.now, editable=False
    )

    objects = VisibleSessions()
    with_deleted = AllSessions()

    class Meta:
        verbose_name = bilingual("session", "会話")
        verbose_name_plural = bilingual("sessions", "会話")
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
        """The voice of the session's next call."""
        return voice_in_use(self.voice)

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
    `transport` is the way of the browser's audio: through the relay, or to the provider by WebRTC.
    """

    class Transport(models.TextChoices):
        RELAY = "relay", "WebSocket"
        WEBRTC = "webrtc", "WebRTC"

    ENDINGS = tuple((ending.value, ending.value) for ending in Ending)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="calls")
    worker = models.CharField(max_length=100)
    provider = models.CharField(max_length=32, default=DEFAULT_PROVIDER)
    model = models.CharField(max_length=100)
    transcription_model = models.CharField(max_length=100, blank=True, default="")
    transport = models.CharField(
        max_length=16, choices=Transport, default=Transport.RELAY, db_default=Transport.RELAY
    )
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
        verbose_name = bilingual("call", "通話")
        verbose_name_plural = bilingual("calls", "通話")
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
        verbose_name = bilingual("reply", "返信")
        verbose_name_plural = bilingual("replies", "返信")
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
    and `heard_ms` are set only where playback was cut off. `first_sound_ms` is set for a spoken
    answer: from the end of the user's speech to the first sound that the relay forwarded.
    `is_reported`: the browser sent this turn, and no server of ours saw it (`backend.direct`).
    `search_text` is `text` as a search compares it (`folding`). On PostgreSQL it has an index of
    trigrams, made by migration 0016, which is not in `Meta`: SQLite has no such index.
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
    search_text = FoldedCopy(of="text", blank=True, default="", db_default="", editable=False)
    heard_text = models.TextField(null=True)  # noqa: DJ001 - null: all of it was heard; "": nothing was
    heard_ms = models.PositiveIntegerField(null=True)
    status = models.CharField(max_length=16, choices=STATUSES)
    position = models.BigIntegerField()
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    first_sound_ms = models.PositiveIntegerField(null=True)
    is_reported = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        verbose_name = bilingual("turn", "発言")
        verbose_name_plural = bilingual("turns", "発言")
        ordering = ("position", "id")
        indexes = (
            models.Index(fields=("session", "position"), name="turn_spoken_order"),
            # Few turns are like these, and the admin filters for their sessions.
            models.Index(
                fields=("session",),
                name="turn_interrupted_answer",
                condition=Q(role="assistant", status="interrupted"),
            ),
            models.Index(
                fields=("session",),
                name="turn_untranscribed",
                condition=Q(
                    role="user", modality="voice", status__in=("failed", "interrupted"), text=""
                ),
            ),
        )
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

    This is the ledger: a row outlives its session and its user, which are then null, so that
    nobody spends a budget twice by deleting a conversation, and the sums of a month stay.

    `source_id` is the id of the response or of the transcribed item; each is counted once.
    `item_id` is the item whose turn the response made; empty where none is known. The cost is
    computed when the row is written, from the model that was used, at the prices of `price_date`.
    Null means that a price is unknown; unknown is never zero. `is_estimated` marks counts that the
    provider has not confirmed.
    """

    KINDS = (("response", "response"), ("transcription", "transcription"))

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="usages"
    )
    session = models.ForeignKey(
        Session, on_delete=models.SET_NULL, null=True, related_name="usages"
    )
    call = models.ForeignKey(Call, on_delete=models.SET_NULL, null=True, related_name="usages")
    source_id = models.CharField(max_length=128)
    item_id = models.CharField(max_length=128, blank=True, default="", db_default="")
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
    is_estimated = models.BooleanField(default=False, db_default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = bilingual("usage", "使用量")
        verbose_name_plural = bilingual("usages", "使用量")
        ordering = ("id",)
        indexes = (
            models.Index(fields=("user", "created_at"), name="usage_of_user"),
            models.Index(fields=("created_at",), name="usage_created"),
            # All that the sum of a session needs: its rows are not read.
            models.Index(
                fields=("session", "cost_usd", "is_estimated"), name="usage_cost_of_session"
            ),
        )
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


class ReviewNote(models.Model):
    """A reviewer has reviewed a session: who, when, and a note, which may be empty.

    One row for each reviewer of a session, and each writes only their own. `reviewer_name` is the
    username at that time: it stays when the account is deleted.
    """

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="review_notes")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="review_notes"
    )
    reviewer_name = models.CharField(max_length=USERNAME_LENGTH)
    reviewed_at = models.DateTimeField(default=timezone.now)
    note = models.TextField(max_length=NOTE_LENGTH, blank=True)

    class Meta:
        ordering = ("reviewed_at", "id")
        default_permissions = ("view", "change")
        verbose_name = bilingual("review", "レビュー")
        verbose_name_plural = bilingual("reviews", "レビュー")
        constraints = (
            models.UniqueConstraint(fields=("session", "reviewer"), name="review_one_per_reviewer"),
        )

    def __str__(self) -> str:
        return f"{self.reviewed_at:%Y-%m-%d %H:%M} {self.reviewer_name}"


class PeriodicJob(models.Model):
    """The time from which a periodic job may be enqueued again, by the job's name."""

    name = models.CharField(max_length=64, primary_key=True)
    due_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class RetentionRule(models.Model):
    """For how many days the sessions of a group's users are kept, instead of `KEEP_DAYS`.

    Null days: they are never deleted for their age. Of a user in several groups with rules, the
    shortest time counts.
    """

    group = models.OneToOneField(
        Group,
        on_delete=models.CASCADE,
        related_name="retention_rule",
        verbose_name=bilingual("group", "グループ"),
    )
    days = models.PositiveIntegerField(
        bilingual("days to keep", "保存日数"),
        null=True,
        blank=True,
        validators=(MinValueValidator(1), MaxValueValidator(MAX_KEEP_DAYS)),
        help_text=bilingual(
            "Counted from a conversation's last change. Empty: kept for ever.",
            "会話の最終更新日からの日数です。空欄の場合は無期限に保存します。",
        ),
    )

    class Meta:
        verbose_name = bilingual("days to keep", "保存期間")
        verbose_name_plural = bilingual("days to keep", "保存期間")
        constraints = (
            models.CheckConstraint(
                condition=Q(days__isnull=True) | Q(days__gte=1, days__lte=MAX_KEEP_DAYS),
                name="retention_days_in_range",
            ),
        )

    def __str__(self) -> str:
        return f"{self.group}: {'∞' if self.days is None else self.days}"
