"""Browsers that talk to the provider directly: with an ephemeral key, or over WebRTC."""

from django.apps import AppConfig

from backend.bilingual import bilingual


class DirectConfig(AppConfig):
    name = "backend.direct"
    verbose_name = bilingual("Direct sessions", "直接接続")

    def ready(self) -> None:
        """Have the servers hang up what a process that died has left at the provider."""
        # Imported here: models can be imported only once all apps are loaded.
        from backend.direct import provider_calls, watched_calls  # noqa: PLC0415
        from backend.runtime import HEARTBEAT_WORK, HeartbeatWork  # noqa: PLC0415

        work = HeartbeatWork(provider_calls.has_any, watched_calls.hang_up_orphans)
        HEARTBEAT_WORK.append(work)
