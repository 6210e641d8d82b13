"""What all pages of the admin have in common: the icon, and names that say something."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import translation


@pytest.mark.django_db
def test_the_pages_have_an_icon_of_ours(client: Client) -> None:
    html = client.get("/admin/login/").content.decode()
    (address,) = re.findall(r'<link rel="icon" href="/static/([^"]*)"', html)
    assert finders.find(address)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_breadcrumb_says_a_name_twice(language: str) -> None:
    with translation.override(language):
        for model in admin.site._registry:
            app = apps.get_app_config(model._meta.app_label)
            plural = str(model._meta.verbose_name_plural)
            assert plural.casefold() != str(app.verbose_name).casefold(), plural
