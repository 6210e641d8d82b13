"""`LiveCall`: a proxy of Call, which gives the live desk its place and permissions in the admin."""

from backend.bilingual import bilingual
from backend.conversations.models import Call


class LiveCall(Call):
    """A call that runs now. Who may view them sees names and times, no words."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        permissions = (("end_livecall", "Can end a live call"),)
        verbose_name = bilingual("live call", "通話")
        verbose_name_plural = bilingual("live calls", "通話中の一覧")
