"""Notes which WebRTC calls the provider has accepted, so that none stays behind unwatched."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from backend.conversations.models import Call
from backend.conversations.process_liveness import is_dead
from backend.database import rows_of
from backend.direct.models import ProviderCall
from backend.protocol.endings import Ending

LONGEST_CALL = timedelta(hours=3)
"""The provider ends a call after an hour by itself; what is older than this is over."""

LATE_LEASE = timedelta(seconds=15)
"""By how much a lease may be renewed too late, three heartbeats, without ending a live call."""


def note(call_id: UUID, provider: str, provider_call_id: str) -> None:
    """Note the provider's id of a call that it has accepted."""
    ProviderCall.objects.create(
        call_id=call_id, provider=provider, provider_call_id=provider_call_id
    )


def forget(call_id: UUID) -> None:
    """The call is hung up."""
    ProviderCall.objects.filter(pk=call_id).delete()


def has_any() -> bool:
    """Whether a call is noted at all. Every server process asks at each heartbeat."""
    return bool(rows_of(f"SELECT 1 FROM {ProviderCall._meta.db_table} LIMIT 1"))


def orphans(own: Collection[str] = ()) -> list[ProviderCall]:
    """The calls that were not hung up although their rows have ended or are gone.

    Not those of this process (`own`): it hangs them up itself. Those of a worker that is presumed
    dead, but not known to be, only `LATE_LEASE` after their leases: a worker whose heartbeat was
    late reopens its calls (`conversations.lifecycle`).
    """
    if not has_any():
        return []
    ProviderCall.objects.filter(created_at__lt=Now() - LONGEST_CALL).delete()
    open_calls = Call.objects.filter(ended_at__isnull=True).order_by().values("pk")
    found = list(ProviderCall.objects.exclude(pk__in=own).exclude(pk__in=open_calls))
    presumed_dead = Call.objects.filter(
        pk__in=[each.call_id for each in found],
        ending=Ending.INTERRUPTED,
        lease_until__gt=Now() - LATE_LEASE,
    )
    workers = dict(presumed_dead.values_list("pk", "worker"))
    return [each for each in found if each.call_id not in workers or is_dead(workers[each.call_id])]
