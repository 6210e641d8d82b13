"""The page of numbers and its CSV: who may see them, in which language, and how many queries."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from backend.reports.admin import MOST_ROWS
from backend.reports.days import day_of
from backend.reports.models import DailyFigures, RollUpProgress
from tests.cast import person
from tests.reports.equipment import figures

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

PAGE = "/admin/reports/dailyfigures/"
CSV = f"{PAGE}csv/"


@pytest.fixture
def reader(client: Client) -> Client:
    """Staff with the one permission that reviewers have too."""
    user = person("reader")
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename="view_dailyfigures"))
    client.force_login(user)
    return client


def html_of(client: Client, query: str = "", **headers: str) -> str:
    response = client.get(f"{PAGE}{query}", **headers)  # type: ignore[arg-type]
    assert response.status_code == 200
    return response.content.decode()


def fill(user: User, calls: int = 3) -> None:
    figures(user, day_of(timezone.now()), calls=calls, cost="1.5")


def test_the_page_shows_the_numbers(reader: Client, owner: User) -> None:
    fill(owner)
    html = html_of(reader)
    tiles = re.findall(r"<dd>([^<]*)</dd>", html)
    assert tiles[:3] == ["3", "6.0", "$1.50"] and tiles[-1] == "0.0%"
    assert html.count('<figure class="reports-card reports-chart"') == 5
    assert 'data-value="3">3</td>' in html and "The user left" in html


def test_an_empty_page_says_what_fills_it(reader: Client) -> None:
    html = html_of(reader)
    assert "There are no numbers yet." in html and "uPlot.iife" not in html
    assert "<figure" not in html and "CSV" not in html


def test_it_is_japanese_for_a_japanese_reader(reader: Client, owner: User) -> None:
    fill(owner)
    html = html_of(reader, HTTP_ACCEPT_LANGUAGE="ja")
    assert "統計" in html and "通話の終わり方" in html and "ユーザーが退出" in html


@pytest.mark.parametrize("path", [PAGE, CSV])
def test_staff_without_the_permission_may_not(client: Client, path: str) -> None:
    user = person("limited")
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(path).status_code == 403


@pytest.mark.parametrize("path", [PAGE, CSV])
def test_others_are_sent_to_the_login(client: Client, owner: User, path: str) -> None:
    assert client.get(path).status_code == 302
    client.force_login(owner)
    assert client.get(path).status_code == 302


@pytest.mark.parametrize("name", ["add/", "1/change/", "1/delete/", "1/"])
def test_nobody_can_change_a_figure(reader: Client, owner: User, staff: User, name: str) -> None:
    fill(owner)
    reader.force_login(staff)
    assert reader.post(f"{PAGE}{name}", {"calls": 9}).status_code in (403, 404)
    assert reader.post(PAGE, {"action": "delete_selected"}).status_code == 200
    assert DailyFigures.objects.get().calls == 3


@pytest.mark.parametrize(
    "query",
    ["?days=abc", "?days=-1&group=nonsense", "?group=%00", "?days=7&days=8", "?q=x&p=9&o=9.9&e=1"],
)
def test_nonsense_shows_the_default(reader: Client, owner: User, query: str) -> None:
    fill(owner)
    html = html_of(reader, query)
    assert re.search(r'aria-current="true">30 days', html)
    assert reader.get(f"{CSV}{query}").status_code == 200


def test_the_head_links_to_the_other_periods_and_groups(reader: Client, owner: User) -> None:
    fill(owner)
    html = html_of(reader, "?days=90&group=user")
    current = re.findall(r'aria-current="true">([^<]*)<', html)
    assert current == ["90 days", "User"]
    assert 'href="?days=7&amp;group=user"' in html and 'href="?days=90&amp;group=all"' in html
    assert f'href="{CSV}?days=90&amp;group=user"' in html


def test_a_username_is_text(reader: Client) -> None:
    user = User.objects.create(username="<script>alert(1)</script>")
    fill(user)
    html = html_of(reader, "?group=user")
    assert "<script>alert" not in html and "&lt;script&gt;alert(1)" in html


def test_unknown_prices_and_estimates_are_named(reader: Client, owner: User) -> None:
    figures(owner, day_of(timezone.now()), calls=1, unpriced=2, estimated=3)
    html = html_of(reader)
    assert "2 entries of unknown price" in html and "3 entries estimated" in html
    assert "gpt-realtime *" in html


def test_a_model_of_unknown_price_costs_something_unknown(reader: Client, owner: User) -> None:
    today = day_of(timezone.now())
    figures(owner, today, calls=1, model="ours", unpriced=2)
    html = html_of(reader)
    assert "<dt>Cost</dt><dd>unknown</dd>" in html and "No price is known" in html
    figures(owner, today, calls=1, cost="1.5", model="priced")
    html = html_of(reader)
    assert "<dt>Cost</dt><dd>$1.50</dd>" in html
    assert '<td class="num">unknown</td>' in html and '<td class="num">$0.00' not in html


def test_many_users_are_listed_up_to_a_number(reader: Client) -> None:
    today = day_of(timezone.now())
    for number in range(MOST_ROWS + 2):
        figures(User.objects.create(username=f"user-{number}"), today, calls=1)
    html = html_of(reader, "?group=user")
    assert html.count('<span class="named">') == MOST_ROWS
    assert "The CSV has all of them." in html
    assert reader.get(f"{CSV}?group=user").content.decode().count("user-") == MOST_ROWS + 2


def test_old_and_unfinished_figures_are_said_to_be_so(reader: Client, owner: User) -> None:
    fill(owner)
    today = day_of(timezone.now())
    RollUpProgress.objects.create(
        last_turn_id=0, last_usage_id=0, updated_at=timezone.now() - timedelta(hours=2),
        first_day=today - timedelta(days=9), backfill_day=today - timedelta(days=5),
    )  # fmt: skip
    html = html_of(reader)
    assert "Is the background worker running?" in html
    assert "5 earlier days are still to be added up." in html
    RollUpProgress.objects.update(updated_at=timezone.now(), backfill_day=None)
    html = html_of(reader)
    assert "background worker" not in html and "earlier days" not in html


def test_no_script_and_no_style_is_inline(reader: Client, owner: User) -> None:
    fill(owner)
    html = html_of(reader)
    scripts = re.findall(r"(?s)<script([^>]*)>(.*?)</script>", html)
    assert any("reports/page.js" in attributes for attributes, _ in scripts)
    assert not any(content.strip() for _, content in scripts)
    assert not re.search(r"<style|\sstyle=|\son\w+=", html)


@pytest.mark.parametrize("path", [PAGE, CSV])
def test_queries_do_not_depend_on_the_number_of_figures(
    reader: Client, path: str, django_assert_num_queries: Any
) -> None:
    today = day_of(timezone.now())
    counts = []
    for number in range(3):
        user = User.objects.create(username=f"user-{number}")
        for age in range(10 * number):
            figures(user, today - timedelta(days=age), calls=1)
        with django_assert_num_queries(9, exact=False) as queries:
            reader.get(f"{path}?days=90&group=user")
        counts.append(len(queries))
    assert counts[1] == counts[2]


def test_the_csv_is_a_file(reader: Client, owner: User) -> None:
    fill(owner)
    response = reader.get(f"{CSV}?days=7&group=user")
    name = f"kaiwa-numbers-{day_of(timezone.now())}-7-days-user.csv"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert '"owner","3"' in response.content.decode()
