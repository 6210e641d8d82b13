"""The audit log: which operator did what in the admin to which user's call or session."""

from django.apps import AppConfig

from backend.bilingual import bilingual


class AuditConfig(AppConfig):
    name = "backend.audit"
    verbose_name = bilingual("Audit", "監査")
