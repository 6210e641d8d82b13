"""Pages of refusals outside the API are in the reader's language and do not quote the exception."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db

LANGUAGES = [
    ("ja", "許可されていません", "送信を確認できませんでした"),
    ("en", "Not allowed", "The form was refused"),
]


@pytest.mark.parametrize(("language", "title", "_"), LANGUAGES)
def test_a_forbidden_page_says_so(language: str, title: str, _: str) -> None:
    client = Client(headers={"accept-language": language})
    client.force_login(User.objects.create_user("robin", is_staff=True))
    answer = client.get(reverse("admin:live_desk_livecall_changelist"))
    assert answer.status_code == 403
    page = answer.content.decode()
    assert f"<h1>{title}</h1>" in page
    assert f"<title>{title} | Kaiwa</title>" in page


@pytest.mark.parametrize(("language", "_", "title"), LANGUAGES)
def test_a_form_without_its_token_is_refused_with_what_to_do(
    language: str, _: str, title: str
) -> None:
    client = Client(enforce_csrf_checks=True, headers={"accept-language": language})
    answer = client.post(reverse("admin:login"))
    assert answer.status_code == 403
    assert f"<h1>{title}</h1>" in answer.content.decode()
