"""The metrics of all worker processes of one server, though a scrape reaches only one of them.

Each worker answers on a Unix socket in their private folder with its metrics as JSON. The one that
is asked for `/metrics` asks the others, and exposes the samples of each with the label `worker`:
Prometheus adds them up where a query does (`sum`), as it does for replicas. Sums made here would
fall whenever a worker is started again or does not answer, which Prometheus takes for a reset of
the whole counter, so that an `increase` would count all of the others' events once more.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from prometheus_client.core import Metric

WAIT_S = 1.0
"""How long the others have for their answers. A worker whose event loop hangs gives none."""
LABEL = "worker"


def encoded(families: Iterable[Metric]) -> bytes:
    """Return metrics as JSON: of each family its name, meaning, type and samples."""
    return json.dumps(
        [
            [
                each.name,
                each.documentation,
                each.type,
                [[sample.name, sample.labels, sample.value] for sample in each.samples],
            ]
            for each in families
        ]
    ).encode()


def decoded(text: bytes) -> list[Metric]:
    """Return the metrics of `encoded`. Raises ValueError if the text is not whole."""
    families = []
    for name, meaning, kind, samples in json.loads(text):
        family = Metric(name, meaning, kind)
        for sample_name, labels, value in samples:
            family.add_sample(sample_name, labels, value)
        families.append(family)
    return families


def labelled(by_worker: Mapping[int, Iterable[Metric]], shared: Collection[str]) -> list[Metric]:
    """Join the workers' metrics by name, each sample with its worker's number as a label.

    Those in `shared` are the same for all, and stay as they are.
    """
    joined: dict[str, Metric] = {}
    for worker, families in by_worker.items():
        for each in families:
            family = joined.setdefault(each.name, Metric(each.name, each.documentation, each.type))
            own = {} if each.name in shared else {LABEL: str(worker)}
            for sample in each.samples:
                family.add_sample(sample.name, {**sample.labels, **own}, sample.value)
    return list(joined.values())


class Siblings:
    """This worker, one of `count`, and the others; `folder` has a socket for each of them."""

    def __init__(self, folder: Path, number: int, count: int, wait_s: float = WAIT_S) -> None:
        self.number = number
        self._folder = folder
        self._others = [one for one in range(1, count + 1) if one != number]
        self._wait_s = wait_s
        self._server: asyncio.AbstractServer | None = None

    async def answer(self, families: Callable[[], Iterable[Metric]]) -> None:
        """Answer the others from now on, each time with the metrics that `families` returns."""

        async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                writer.write(encoded(families()))
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
            finally:
                writer.close()

        path = self._path(self.number)
        # Left by the worker that had this number before.
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(send, path)

    async def ask(self) -> dict[int, list[Metric]]:
        """Return the metrics of the others by their numbers, without those that do not answer."""
        answers = await asyncio.gather(*map(self._ask_one, self._others))
        return {
            number: families
            for number, families in zip(self._others, answers, strict=True)
            if families is not None
        }

    @property
    def count(self) -> int:
        """How many workers there are, with this one."""
        return len(self._others) + 1

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.close()

    async def _ask_one(self, number: int) -> list[Metric] | None:
        try:
            async with asyncio.timeout(self._wait_s):
                reader, writer = await asyncio.open_unix_connection(self._path(number))
                try:
                    return decoded(await reader.read())
                finally:
                    writer.close()
        except (OSError, ValueError):
            return None

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.sock"


_joined: list[Siblings] = []


def join(siblings: Siblings) -> None:
    """Make this process one of several workers."""
    _joined[:] = [siblings]


def leave() -> None:
    """Make this process the only one again; for tests."""
    _joined.clear()


def joined() -> Siblings | None:
    """The other workers; None if this process is the only one."""
    return _joined[0] if _joined else None
