"""DOOR: operators. System checks are registered when Django starts."""

from django.apps import AppConfig


class HealthConfig(AppConfig):
    name = "backend.health"
