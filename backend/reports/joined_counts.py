"""Adds up counts that are stored as JSON objects, from their text. PURE.

Parsing 13,500 objects with 20 counts each and adding them up entry by entry took 250 ms of
processor time. Most entries are equal, such as `"160": 1`: here the equal ones are counted first,
which Python does in C, and only the different ones are read. In a short text few are equal.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable

SEPARATOR = ", "
"""Between two entries of an object, as PostgreSQL and Python's `json` write it, and between two
objects of a joined text."""
SHORT = 5000
"""A text of fewer characters, some 500 entries, is parsed as JSON."""


def sum_of_counts(texts: Iterable[str]) -> dict[str, int]:
    """Return the sum of the objects in these texts, by name.

    Each text is one JSON object, such as `{"160": 1, "161": 2}`, or several with SEPARATOR between
    them. A name has neither quotes nor separators. Raises ValueError for a text that is not JSON.
    """
    joined = SEPARATOR.join(texts)
    return _parsed(joined) if len(joined) < SHORT else _counted(joined)


def _parsed(joined: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for counts in json.loads(f"[{joined}]"):
        for name, count in counts.items():
            sums[name] = sums.get(name, 0) + count
    return sums


def _counted(joined: str) -> dict[str, int]:
    entries = joined.replace("{", "").replace("}", "").split(SEPARATOR)
    sums: defaultdict[str, int] = defaultdict(int)
    for entry, times in Counter(entries).items():
        if entry:
            name, count = entry.split(": ")
            sums[name.strip('"')] += int(count) * times
    return sums
