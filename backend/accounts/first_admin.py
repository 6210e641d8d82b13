"""The first admin of a deployment, from the settings `ADMIN_USERNAME` and `ADMIN_PASSWORD`."""

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from backend.accounts.usernames import normalised_username
from backend.settings_table import SettingError

_PASSWORD_HINT = "Write another one, such as 24 random characters, or leave it empty for no admin."
_USERNAME_HINT = "Write letters, digits and @/./+/-/_ only, 150 at most."


def ensure_first_admin(username: str, password: str) -> bool:
    """Create the admin if there is a password and no user of that name. Returns True if created.

    An existing user is left as it is, so that running this again changes neither a password that
    was changed since nor the rights of a user. Raises SettingError if the name or the password is
    not acceptable.
    """
    name = normalised_username(username)
    if not password or User.objects.filter(username__iexact=name).exists():
        return False
    user = User(username=name)
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        raise SettingError("ADMIN_USERNAME", "it is not a username", _USERNAME_HINT) from error
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise SettingError("ADMIN_PASSWORD", "it is too easy to guess", _PASSWORD_HINT) from error
    # Two processes at once: the second gets an IntegrityError here, unless it holds the lock of
    # `backend.prepare`.
    User.objects.create_superuser(name, password=password)
    return True
