"""The HTTP response of an export: streamed, on every server, without blocking the event loop."""

from collections.abc import AsyncIterator

from django.http import StreamingHttpResponse

from backend.conversations.database_executor import DatabaseExecutor
from backend.conversations.exports.export_session import Export
from backend.conversations.exports.filenames import content_disposition

_executor = DatabaseExecutor(threads=2)


class ExportResponse(StreamingHttpResponse):
    """Streams an export's chunks.

    Django consumes a synchronous iterator completely before an ASGI server sends its first byte.
    Here every chunk is made on a database thread when the one before it has been sent. An error or
    a stuck database (DatabaseSlow, after 5 s) breaks the connection, so that the client does not
    take a part for the whole.
    """

    def __init__(self, export: Export) -> None:
        super().__init__(
            export.chunks,
            content_type=export.content_type,
            headers={
                "Content-Disposition": content_disposition(export.filename, export.ascii_filename),
                "Cache-Control": "no-store",
            },
        )
        self._chunks = export.chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks for an ASGI server. A WSGI server and the test client iterate as usual."""
        while (chunk := await _executor.run(next, self._chunks, None)) is not None:
            yield chunk
