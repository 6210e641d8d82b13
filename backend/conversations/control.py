"""Ends a call from any process: its row is ended, and its worker sees that at its heartbeat."""

from uuid import UUID

from backend.conversations.lifecycle import end_call
from backend.protocol.endings import Ending


def request_end(call_id: UUID) -> None:
    """End this call, whichever worker it runs on; within one heartbeat, 5 s.

    The worker's next `lifecycle.renew_leases` finds the ending in the row and hangs up with it.
    Does nothing if the call has ended or was deleted.
    """
    end_call(call_id, Ending.COMPLETED)
