"""Who may connect to the provider directly."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from pytest_django.fixtures import Settings
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from backend.api_errors import ApiRefused
from backend.direct.access import DirectSessionsOn, MayUseDirectSessions
from tests.direct.equipment import allow_direct_sessions

pytestmark = pytest.mark.django_db


def may(user: User) -> bool:
    request = APIView().initialize_request(APIRequestFactory().post("/"))
    request.user = User.objects.get(pk=user.pk)
    try:
        return MayUseDirectSessions().has_permission(request, APIView())
    except ApiRefused as refused:
        assert (refused.code, refused.status_code) == ("direct_not_allowed", 403)
        return False


def test_nobody_but_a_superuser_may_until_an_operator_permits(owner: User, staff: User) -> None:
    assert not may(owner)
    assert may(staff)
    allow_direct_sessions(owner)
    assert may(owner)


def test_the_members_of_a_group_with_the_permission_may(owner: User, stranger: User) -> None:
    group = Group.objects.create(name="Direct")
    group.permissions.add(Permission.objects.get(codename="use_direct_sessions"))
    owner.groups.add(group)
    assert may(owner)
    assert not may(stranger)


def test_with_debug_everybody_may(owner: User, settings: Settings) -> None:
    settings.DEBUG = True
    assert may(owner)


def test_nobody_may_while_the_setting_is_off(settings: Settings) -> None:
    request = APIView().initialize_request(APIRequestFactory().post("/"))
    settings.DIRECT_SESSIONS = False
    with pytest.raises(ApiRefused) as refused:
        DirectSessionsOn().has_permission(request, APIView())
    assert (refused.value.code, refused.value.status_code) == ("direct_off", 403)
    settings.DIRECT_SESSIONS = True
    assert DirectSessionsOn().has_permission(request, APIView())
