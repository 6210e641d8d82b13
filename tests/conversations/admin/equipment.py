"""Reading the admin's pages of sessions."""

import re

from django.test import Client

from backend.conversations.models import Session

LIST = "/admin/conversations/session/"


def page_of(session: Session) -> str:
    return f"{LIST}{session.pk}/change/"


def read(client: Client, path: str, **query: str) -> str:
    response = client.get(path, query)
    assert response.status_code == 200
    return response.content.decode()


def plain(html: str) -> str:
    """The text of a page, without markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def titles(html: str) -> list[str]:
    """The titles in the list, without what was found below them."""
    found = re.findall(r'class="field-name"><a [^>]*>([^<]*)', html)
    return [title.strip() for title in found]
