"""Creating a session: the settings' defaults, and what the caller chose."""

from datetime import date

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from backend import catalogue, configured_providers
from backend.conversations.creating import create_session
from backend.conversations.models import Session
from tests.azure import configure_azure

pytestmark = pytest.mark.django_db


def test_it_has_the_settings_voice_and_model(owner: User, settings: Settings) -> None:
    settings.REALTIME_VOICE = "cedar"
    settings.REALTIME_MODEL = "my-deployment"
    session = create_session(owner.pk, language="en")
    session.refresh_from_db()
    assert (session.user, session.title, session.language) == (owner, "", "en")
    assert (session.effective_voice, session.model) == ("cedar", "my-deployment")
    assert session.provider == "openai"
    assert (session.realtime_mode, session.next_position) == (False, 0)


def test_it_takes_what_the_caller_chose(owner: User) -> None:
    create_session(owner.pk, language="ja", title="Bread", voice="sage")
    session = Session.objects.get()
    assert (session.language, session.title, session.voice) == ("ja", "Bread", "sage")


def test_a_retired_model_is_replaced(
    owner: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME_MODEL = "gpt-realtime"
    on = catalogue.RETIREMENTS["gpt-realtime"].on

    class Later:
        @staticmethod
        def now() -> type["Later"]:
            return Later

        @staticmethod
        def date() -> date:
            return on

    monkeypatch.setattr(configured_providers, "timezone", Later)
    assert create_session(owner.pk, language="en").model == "gpt-realtime-2.1"


def test_a_chosen_provider_has_its_own_model(owner: User, settings: Settings) -> None:
    configure_azure(settings)
    session = create_session(owner.pk, language="en", provider="azure")
    assert (session.provider, session.model) == ("azure", "voice-eu")
    assert create_session(owner.pk, language="en").provider == "openai"
    settings.REALTIME_PROVIDER = "azure"
    assert create_session(owner.pk, language="en").provider == "azure"
