"""The dozen people of the demo data: who they are, and their rows.

They cannot log in: they have no password. Each is marked as a `DemoUser`, so that a server without
`DEBUG` disables them (`accounts.demo.retire_demo_users`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.auth.models import User

from backend.accounts.demo import DemoRefused
from backend.accounts.models import DemoUser
from backend.wording import Language


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the demo data, the language of their conversations, and their time zone."""

    username: str
    first_name: str
    last_name: str
    language: Language
    utc_offset_h: int


PEOPLE: Final = (
    Person("demo-haruka", "遥", "佐藤", "ja", 9),
    Person("demo-kenji", "健二", "鈴木", "ja", 9),
    Person("demo-misaki", "美咲", "高橋", "ja", 9),
    Person("demo-daichi", "大地", "渡辺", "ja", 9),
    Person("demo-aoi", "葵", "小林", "ja", 9),
    Person("demo-sho", "翔", "山本", "ja", 9),
    Person("demo-alice", "Alice", "Bennett", "en", 0),
    Person("demo-oliver", "Oliver", "Hughes", "en", 0),
    Person("demo-sofia", "Sofía", "Martín", "en", 1),
    Person("demo-jonas", "Jonas", "Weber", "en", 1),
    Person("demo-grace", "Grace", "O'Connor", "en", -5),
    Person("demo-marcus", "Marcus", "Reed", "en", -8),
)


def ensure_people(joined_at: datetime) -> dict[str, int]:
    """Create the users that are missing, and enable all. Returns the user's id by username.

    Raises DemoRefused if somebody else has one of the names.
    """
    names = [person.username for person in PEOPLE]
    others = User.objects.filter(username__in=names).exclude(pk__in=DemoUser.objects.values("user"))
    if (other := others.first()) is not None:
        raise DemoRefused(
            f"This database has a user “{other.username}” who is not the demo's."
            " Use another database: leave DATABASE_URL empty."
        )
    return {person.username: _ensure(person, joined_at).pk for person in PEOPLE}


def _ensure(person: Person, joined_at: datetime) -> User:
    user, is_new = User.objects.get_or_create(
        username=person.username,
        defaults={"first_name": person.first_name, "last_name": person.last_name},
    )
    if is_new:
        DemoUser.objects.create(user=user)
    user.date_joined = joined_at
    user.is_active = True
    user.set_unusable_password()
    user.save()
    return user
