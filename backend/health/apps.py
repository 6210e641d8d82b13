"""Health endpoints and system checks, for operators."""

from django.apps import AppConfig
from django.core.checks import register

from backend.health.system_checks import check_settings, check_static_files


class HealthConfig(AppConfig):
    name = "backend.health"

    def ready(self) -> None:
        """Register the system checks."""
        register(check_settings)
        register(check_static_files)
