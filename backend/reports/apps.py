"""Numbers by day: calls, minutes, cost, endings and latency, as charts, tables and CSV."""

from django.apps import AppConfig

from backend.bilingual import bilingual


class ReportsConfig(AppConfig):
    name = "backend.reports"
    verbose_name = bilingual("Numbers", "統計")

    def ready(self) -> None:
        """Put the roll-up into the schedule. Models can be imported only now."""
        from backend.conversations.jobs import schedule  # noqa: PLC0415
        from backend.reports.jobs import ROLL_UP_EVERY, roll_up_days  # noqa: PLC0415

        schedule(roll_up_days, ROLL_UP_EVERY)
