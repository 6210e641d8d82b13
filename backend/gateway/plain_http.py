"""Answers plain HTTP at the WebSockets' paths: says which fault of a proxy stands in the way.

A proxy that is nearly right lets HTTP work and breaks WebSockets. A browser hides from its page why
a handshake failed, so the page asks at the same path over HTTP (frontend/call/proxy-check.js).
"""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from backend.api_errors import ApiErrorCode, error_body
from backend.gateway import handshake
from backend.gateway.handshake_refusals import report_refusal


@csrf_exempt
def refuse_plain_http(request: HttpRequest, session_id: UUID | None = None) -> JsonResponse:
    """Answer 403 `origin_foreign`, with both addresses as its detail, or 426 `upgrade_missing`.

    A WebSocket's handshake that arrives here has lost its upgrade on the way, and is logged and
    counted like the refusals of the gateway. The answer has no `Upgrade` header, although 426 asks
    for one: nginx would pass it on over HTTP/2, where browsers refuse the whole response.
    """
    scope = {
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in request.headers.items()
        ]
    }
    addresses = handshake.stated_addresses(scope)
    code: ApiErrorCode = "upgrade_missing"
    status = 426
    if not handshake.is_origin_allowed(scope, settings.ALLOWED_HOSTS, settings.ALLOWED_ORIGINS):
        code, status = "origin_foreign", 403
    if "Sec-WebSocket-Key" in request.headers:
        report_refusal(code, status, session_id, addresses)
    detail = addresses.as_detail() if code == "origin_foreign" else None
    return JsonResponse(error_body(code, detail), status=status)
