"""Offline stand-in for a provider of the GA Realtime API, for demos, tests and benchmarks.

    engine/   PURE: the state machine of one Realtime session; replies to REST requests
    persona/  PURE: the scripted customer that answers, in English and Japanese
    sound/    speech recognition of known phrases, and speech synthesis
    server/   WebSocket, WebRTC and REST: one engine per call, the record of calls, injected faults

It imports no other package of `backend`, and no other package imports it.
"""

import os

# numpy reads this once, at its first import. The matrices of phrase matching are small: with
# OpenBLAS's threads a phrase took 77 ms on two shared cores, with one thread 26 ms.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
