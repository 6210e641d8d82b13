"""Audit: who did what to whose call or session in the admin."""

from django.apps import AppConfig

from backend.bilingual import bilingual


class AuditConfig(AppConfig):
    name = "backend.audit"
    verbose_name = bilingual("Audit", "監査")
