"""`EphemeralKey`: a key of the provider that a browser was given. `ProviderCall`: a WebRTC call at
the provider that is not known to be hung up.
"""

from django.conf import settings
from django.db import models
from django.utils import timezone

from backend.bilingual import bilingual


class EphemeralKey(models.Model):
    """Who was given a key of the provider, when, for which model and voice, and until when it opens
    sessions. The key itself is stored nowhere, neither in clear nor as a hash.

    A row outlives its user, whose name then goes: the key may still be valid.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="ephemeral_keys",
        verbose_name=bilingual("user", "ユーザー"),
    )
    created_at = models.DateTimeField(
        bilingual("created at", "作成日時"), default=timezone.now, editable=False
    )
    expires_at = models.DateTimeField(bilingual("expires at", "有効期限"), editable=False)
    provider = models.CharField(
        bilingual("provider", "プロバイダー"), max_length=32, editable=False
    )
    model = models.CharField(bilingual("model", "モデル"), max_length=100, editable=False)
    voice = models.CharField(bilingual("voice", "声"), max_length=64, editable=False)

    class Meta:
        verbose_name = bilingual("ephemeral key", "一時キー")
        verbose_name_plural = bilingual("ephemeral keys", "一時キー")
        ordering = ("-created_at", "-id")
        default_permissions = ("view",)
        permissions = (("use_direct_sessions", "Can talk to the provider directly"),)
        indexes = (models.Index(fields=("-created_at",), name="ephemeral_key_created"),)

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.model}"


class ProviderCall(models.Model):
    """The provider's id of a WebRTC call, from its acceptance until it is hung up.

    `call_id` is the id of our Call row, and no foreign key: the note must outlive the row, which a
    deleted session takes with it.
    """

    call_id = models.UUIDField(primary_key=True, editable=False)
    provider = models.CharField(max_length=32, editable=False)
    provider_call_id = models.CharField(max_length=128, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.call_id}"
