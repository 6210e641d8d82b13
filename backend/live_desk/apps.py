"""The admin's page of the calls that run now, on all workers."""

from django.apps import AppConfig

from backend.bilingual import bilingual


class LiveDeskConfig(AppConfig):
    name = "backend.live_desk"
    verbose_name = bilingual("Calls in progress", "進行中の通話")
