"""The stored figures: one row per call, one per day, user and model, and how far the job has come.

Sessions are deleted, by their users and by age; figures of the past must not change by that. So
the job copies the figures of each call into a row that no session owns, and adds them up from
there. What was spent needs no copy: the ledger (`Usage`) outlives sessions itself.

No row has words. The user becomes null when the account is deleted.
"""

from django.conf import settings
from django.db import models

from backend.bilingual import bilingual
from backend.conversations.models import COST_DIGITS, COST_PLACES


class CallFigures(models.Model):
    """The figures of one ended call. It stays when the call is deleted, so it has no foreign key
    to it.

    `day` is the day on which the call began, in the time zone of the settings. `first_sound` is a
    `Histogram`.
    """

    call_id = models.UUIDField(primary_key=True)
    day = models.DateField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    provider = models.CharField(max_length=32)
    model = models.CharField(max_length=100)
    call_ms = models.PositiveBigIntegerField()
    turns = models.PositiveIntegerField()
    ending = models.CharField(max_length=32)
    first_sound = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=("day",), name="call_figures_of_day"),)

    def __str__(self) -> str:
        return f"{self.day} {self.call_id}"


class DailyFigures(models.Model):
    """The figures of one day, user and model: the columns of `Tally`.

    Calls count under their Realtime model, ledger rows under the model that was paid, so that a
    transcription model has a cost and no calls. Null users are deleted ones; several of them may
    each have a row of the same day and model.
    """

    day = models.DateField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    provider = models.CharField(max_length=32)
    model = models.CharField(max_length=100)
    calls = models.PositiveIntegerField()
    call_ms = models.PositiveBigIntegerField()
    turns = models.PositiveIntegerField()
    answers = models.PositiveIntegerField()
    tokens_in = models.PositiveBigIntegerField()
    tokens_cached = models.PositiveBigIntegerField()
    tokens_out = models.PositiveBigIntegerField()
    # A single ledger row may have all of COST_DIGITS: a sum needs more.
    cost_usd = models.DecimalField(max_digits=COST_DIGITS + 6, decimal_places=COST_PLACES)
    unpriced = models.PositiveIntegerField()
    estimated = models.PositiveIntegerField()
    endings = models.JSONField(default=dict)
    first_sound = models.JSONField(default=dict)

    class Meta:
        default_permissions = ("view",)
        verbose_name = bilingual("figures of a day", "日別の統計")
        verbose_name_plural = bilingual("Numbers by day", "日別の統計")
        constraints = (
            models.UniqueConstraint(
                fields=("day", "user", "provider", "model"), name="daily_figures_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.model}"


class RollUpProgress(models.Model):
    """How far the job has come: one row, from its first run on.

    `last_turn_id` and `last_usage_id`: rows up to these ids are counted. `backfill_day` is the next
    day from before the first run that is to be counted, from the newest to `first_day`; null when
    all of them are.
    """

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    last_turn_id = models.BigIntegerField()
    last_usage_id = models.BigIntegerField()
    first_day = models.DateField()
    backfill_day = models.DateField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.updated_at:%Y-%m-%d %H:%M}"

    @property
    def days_left(self) -> int:
        """How many days from before the first run are still to be computed."""
        return (self.backfill_day - self.first_day).days + 1 if self.backfill_day else 0
