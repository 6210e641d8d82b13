"""A model field that keeps the folded text of another field, for searches."""

from typing import TYPE_CHECKING, Any

from django.db import models

from backend.conversations.folding import folded

if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
else:  # generic in the stubs only
    _TextField = models.TextField


class FoldedCopy(_TextField):
    """A column with the folded text of the field `of`, computed when a row is saved.

    `bulk_create` computes it too; with `update_conflicts` it must be among the updated fields.
    `QuerySet.update` does not, unless the model's own does (`models.SessionQuerySet`). In
    migrations it is a plain TextField.
    """

    def __init__(self, *, of: str = "", **options: Any) -> None:
        self.of = of
        super().__init__(**options)

    def deconstruct(self) -> Any:
        """The field as a migration writes it."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.TextField", arguments, options

    def clone(self) -> Any:
        """A copy of this field. Django makes it from `deconstruct`, which leaves `of` out."""
        _, _, arguments, options = super().deconstruct()
        return type(self)(*arguments, of=self.of, **options)

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """The text to store."""
        text = folded(getattr(model_instance, self.of))
        setattr(model_instance, self.attname, text)
        return text
