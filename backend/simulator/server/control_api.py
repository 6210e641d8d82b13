"""PURE: the small HTTP surface beside the WebSocket, for tests and demos on this machine.

GET    /simulator/calls            what each call heard and sent
GET    /simulator/calls/N/audio    the last 60 s that call N heard, PCM16 mono 24 kHz
GET    /simulator/mishaps          the kinds, and what waits for the next calls
POST   /simulator/mishaps          a mishap, as JSON: {"kind": "drop", "calls": "next"}
DELETE /simulator/mishaps          nothing goes wrong any more
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass

from backend.simulator.engine.mishaps import MEANINGS, Mishap, Plan, mishap_of
from backend.simulator.server.call_records import EXCERPT_BYTES, Records


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Desk:
    """What the surface shows and changes; `befall` takes a mishap to the calls that are open."""

    records: Records
    plan: Plan
    befall: Callable[[Mishap], int]


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value, ensure_ascii=False).encode())


def _calls(desk: Desk, body: bytes) -> Answer:
    return _json({"calls": [record.as_json() for record in desk.records]})


def _audio(desk: Desk, body: bytes, number: str) -> Answer:
    record = desk.records.find(int(number))
    if record is None:
        return _json({"error": "There is no such call."}, 404)
    sound = bytes(record.excerpt[-EXCERPT_BYTES:])
    return Answer(200, sound, "application/octet-stream")


def _mishaps(desk: Desk, body: bytes) -> Answer:
    return _json({"kinds": MEANINGS, "pending": [asdict(each) for each in desk.plan.pending]})


def _befall(desk: Desk, body: bytes) -> Answer:
    try:
        mishap = mishap_of(json.loads(body))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return _json({"error": "Write a JSON object."}, 400)
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    if mishap.calls == "running":
        return _json({"befell": desk.befall(mishap)})
    desk.plan.add(mishap)
    return _json({"pending": len(desk.plan.pending)}, 201)


def _clear(desk: Desk, body: bytes) -> Answer:
    desk.plan.clear()
    return Answer(204)


_ROUTES: tuple[tuple[str, re.Pattern[str], Callable[..., Answer]], ...] = (
    ("GET", re.compile(r"/simulator/calls"), _calls),
    ("GET", re.compile(r"/simulator/calls/(\d{1,9})/audio"), _audio),
    ("GET", re.compile(r"/simulator/mishaps"), _mishaps),
    ("POST", re.compile(r"/simulator/mishaps"), _befall),
    ("DELETE", re.compile(r"/simulator/mishaps"), _clear),
)


def answer(desk: Desk, method: str, path: str, body: bytes) -> Answer:
    """The answer to one request."""
    found = [
        (verb, match, route)
        for verb, pattern, route in _ROUTES
        if (match := pattern.fullmatch(path.partition("?")[0].rstrip("/")))
    ]
    for verb, match, route in found:
        if verb == method:
            return route(desk, body, *match.groups())
    return _json(
        {"error": "There is nothing here." if not found else "Not this way."}, 405 if found else 404
    )
