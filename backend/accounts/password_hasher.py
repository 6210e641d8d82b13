"""Django's password hash, computed by a thread of lower priority than the event loop's.

A hash takes 0.3 s of the processor without the interpreter's lock. Where the process has one core,
the system gives each of two threads half of it, and the event loop, which needs more in an attack,
came late: 140 of 145 delays over 14 ms fell into a hash (`make bench-attacks`).
"""

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth.hashers import PBKDF2PasswordHasher

NICENESS = 10
"""About a tenth of a core that others want (`setpriority(2)`), and all of an idle one. Not the
most: the thread has the interpreter's lock for a moment before and after, and is waited for."""


def _lower_priority() -> None:
    """Raise this thread's niceness, where each thread has its own: Linux."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_thread = ThreadPoolExecutor(1, thread_name_prefix="password-hash", initializer=_lower_priority)
"""One, as the queue of passwords has one at a time."""


class BackgroundPBKDF2PasswordHasher(PBKDF2PasswordHasher):
    """The same hashes as Django's PBKDF2."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """Return the hash, once the thread has computed it."""
        return _thread.submit(super().encode, password, salt, iterations).result()
