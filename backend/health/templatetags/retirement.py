"""The admin's notice of models that retire soon."""

from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone

from backend.bilingual import bilingual
from backend.retirement import Retiring, retiring

register = template.Library()

_SOON = bilingual(
    "{model} retires on {on}. {successor} is used from then on."
    " Write {setting}={successor} to use it now.",
    "{model} は {on} に提供を終了します。以降は {successor} を使います。"
    "今すぐ切り替えるには {setting}={successor} と設定してください。",
)
_OVER = bilingual(
    "{model} was retired on {on}, so {successor} is used. Write {setting}={successor}.",
    "{model} は {on} に提供を終了したため、{successor} を使っています。"
    "{setting}={successor} と設定してください。",
)


@register.inclusion_tag("health/retirement.html")
def retirement_notices() -> dict[str, Any]:
    """Render a message for each configured model that has retired or will within 90 days."""
    today = timezone.now().date()
    return {"notices": [_sentence(each, each.is_over(today)) for each in retiring(settings, today)]}


def _sentence(each: Retiring, is_over: bool) -> str:
    return str(_OVER if is_over else _SOON).format(
        model=each.model, on=each.on.isoformat(), successor=each.successor, setting=each.setting
    )
