"""The ASGI application: HTTP to Django, WebSockets to the gateway."""

import os

import django
from channels.routing import ProtocolTypeRouter
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
django.setup(set_prefix=False)

# These import models, which is possible only after Django is set up.
from backend.chat.dictation_api import MAX_BODY_BYTES, PATH  # noqa: E402
from backend.conversations.database_executor import DatabaseExecutor  # noqa: E402
from backend.conversations.quick_tickets import with_quick_tickets  # noqa: E402
from backend.gateway.routing import websocket_application  # noqa: E402
from backend.middleware import (  # noqa: E402
    PROBED_PATHS,
    with_addresses_as_hosts,
    with_bounded_body,
)
from backend.request_concurrency import ConcurrencyLimitedHandler  # noqa: E402
from backend.static_files import ResponseCache, StaticFiles, with_static_files  # noqa: E402
from backend.telemetry.request_ids import with_request_id  # noqa: E402
from backend.trusted_proxies import with_trusted_proxies  # noqa: E402

django_http = with_bounded_body(
    ConcurrencyLimitedHandler(), settings.DATA_UPLOAD_MAX_MEMORY_SIZE, [(PATH, MAX_BODY_BYTES)]
)
http = with_addresses_as_hosts(
    # Threads of its own: requests for tickets cannot hold up the calls that open.
    with_quick_tickets(django_http, DatabaseExecutor(threads=2, keeps_sqlite=True)),
    PROBED_PATHS,
    # `.example.com` stands for every name of that domain, and `*` for every name.
    settings.ALLOWED_HOSTS[0].strip("*.") or "localhost",
)
by_type = {
    "http": with_static_files(http, StaticFiles(settings.MIDDLEWARE), ResponseCache()),
    "websocket": websocket_application,
}
application = with_trusted_proxies(
    with_request_id(ProtocolTypeRouter(by_type)),
    settings.TRUSTED_PROXIES,
)
