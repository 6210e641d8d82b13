"""Words of the admin's own pages in both languages: Django's catalogues need a compiler, these not.

Sentences for clients and users are in `backend.wording`.
"""

from django.utils.functional import lazy
from django.utils.translation import get_language


def _now(en: str, ja: str) -> str:
    return ja if (get_language() or "").startswith("ja") else en


_lazily = lazy(_now, str)


def bilingual(en: str, ja: str) -> str:
    """Return a string that is English or Japanese by the language of the request that shows it."""
    return _lazily(en, ja)
