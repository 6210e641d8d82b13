"""PURE: the HTTP control API beside the WebSocket, for tests and demos on this machine.

GET    /simulator/calls            the record of each call and of each REST request, with its bill;
                                   how many WebRTC calls are live, and unwatched (no sideband)
GET    /simulator/calls/N/audio    the last 60 s of audio that call N received, PCM16 mono 24 kHz
GET    /simulator/mishaps          the kinds of mishap, and those pending for the next calls
POST   /simulator/mishaps          add a mishap, as JSON: {"kind": "drop", "calls": "next"}
DELETE /simulator/mishaps          remove the pending mishaps
DELETE /simulator/client-secrets   let all ephemeral keys expire now
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass

from backend.simulator.engine.mishaps import MEANINGS, Mishap, PendingMishaps, parse_mishap
from backend.simulator.server.call_records import RECENT_AUDIO_BYTES, CallRecords
from backend.simulator.server.webrtc_calls import WebRtcCounts


@dataclass(frozen=True, slots=True)
class ControlResponse:
    """An HTTP response."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class ControlState:
    """What the control API reads and changes.

    `inject`: applies a mishap to the open calls; returns their number. `webrtc_counts`: the numbers
    of WebRTC calls that are live now. `expire_client_secrets`: lets all ephemeral keys expire.
    """

    records: CallRecords
    pending_mishaps: PendingMishaps
    inject: Callable[[Mishap], int]
    webrtc_counts: Callable[[], WebRtcCounts]
    expire_client_secrets: Callable[[], None]


def _json(value: object, status: int = 200) -> ControlResponse:
    return ControlResponse(status, json.dumps(value, ensure_ascii=False).encode())


def _calls(state: ControlState, body: bytes) -> ControlResponse:
    records = [record.as_json() for record in state.records]
    return _json({"calls": records, "webrtc": asdict(state.webrtc_counts())})


def _audio(state: ControlState, body: bytes, number: str) -> ControlResponse:
    record = state.records.find(int(number))
    if record is None:
        return _json({"error": "There is no such call."}, 404)
    audio = bytes(record.recent_audio[-RECENT_AUDIO_BYTES:])
    return ControlResponse(200, audio, "application/octet-stream")


def _mishaps(state: ControlState, body: bytes) -> ControlResponse:
    return _json(
        {"kinds": MEANINGS, "pending": [asdict(each) for each in state.pending_mishaps.pending]}
    )


def _inject(state: ControlState, body: bytes) -> ControlResponse:
    try:
        mishap = parse_mishap(json.loads(body))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return _json({"error": "Write a JSON object."}, 400)
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    if mishap.calls == "running":
        return _json({"affected_calls": state.inject(mishap)})
    state.pending_mishaps.add(mishap)
    return _json({"pending": len(state.pending_mishaps.pending)}, 201)


def _clear(state: ControlState, body: bytes) -> ControlResponse:
    state.pending_mishaps.clear()
    return ControlResponse(204)


def _expire_client_secrets(state: ControlState, body: bytes) -> ControlResponse:
    state.expire_client_secrets()
    return ControlResponse(204)


_ROUTES: tuple[tuple[str, re.Pattern[str], Callable[..., ControlResponse]], ...] = (
    ("GET", re.compile(r"/simulator/calls"), _calls),
    ("GET", re.compile(r"/simulator/calls/([0-9]{1,9})/audio"), _audio),
    ("GET", re.compile(r"/simulator/mishaps"), _mishaps),
    ("POST", re.compile(r"/simulator/mishaps"), _inject),
    ("DELETE", re.compile(r"/simulator/mishaps"), _clear),
    ("DELETE", re.compile(r"/simulator/client-secrets"), _expire_client_secrets),
)


def handle(state: ControlState, method: str, path: str, body: bytes) -> ControlResponse:
    """Handle one request."""
    found = [
        (verb, match, route)
        for verb, pattern, route in _ROUTES
        if (match := pattern.fullmatch(path.partition("?")[0].rstrip("/")))
    ]
    for verb, match, route in found:
        if verb == method:
            return route(state, body, *match.groups())
    return _json(
        {"error": "Not found." if not found else "Method not allowed."}, 405 if found else 404
    )
