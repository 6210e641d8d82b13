"""Users in the admin. Tokens and tickets are not shown: a token gives its reader the login."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework.authtoken.models import TokenProxy

from backend.accounts import tokens
from backend.accounts.admin_login import LimitedAdminLogin
from backend.bilingual import bilingual

SIGNED_OUT = bilingual("Signed out: {names}.", "ログアウトさせました: {names}")

# `authtoken` comes before this app in `INSTALLED_APPS`, so both are registered already.
admin.site.unregister(TokenProxy)
admin.site.unregister(User)
admin.site.login_form = LimitedAdminLogin

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:  # generic in the stubs only
    _UserAdmin = UserAdmin


@admin.register(User)
class PersonAdmin(_UserAdmin):
    """Django's user admin, with an action that revokes a user's token without showing it."""

    actions = ("end_login",)

    @admin.action(
        description=bilingual("Sign out on every device", "すべての端末からログアウト"),
        permissions=("change",),
    )
    def end_login(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Revoke the tokens of the chosen users; their calls end at their next heartbeat."""
        for user in queryset:
            tokens.revoke(user.pk)
        names = ", ".join(user.username for user in queryset)
        self.message_user(request, SIGNED_OUT.format(names=names))
