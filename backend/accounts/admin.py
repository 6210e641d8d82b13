"""Users in the admin. Tokens and tickets are not there: who can read a token can be its user."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework.authtoken.models import TokenProxy

from backend.accounts import tokens

# `INSTALLED_APPS` has `authtoken` in front of us, so both have been registered by now.
admin.site.unregister(TokenProxy)
admin.site.unregister(User)

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:  # generic in the stubs only
    _UserAdmin = UserAdmin


@admin.register(User)
class PersonAdmin(_UserAdmin):
    """Django's own, and a way to end somebody's login without seeing it."""

    actions = ("end_login",)

    @admin.action(description="Sign out on every device", permissions=("change",))
    def end_login(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Revoke the tokens of the chosen users; their calls end at their next heartbeat."""
        for user in queryset:
            tokens.revoke(user.pk)
        self.message_user(request, f"Signed out: {', '.join(user.username for user in queryset)}.")
