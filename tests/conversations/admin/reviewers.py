"""People of the group *Reviewers*, signed in to the admin."""

from django.contrib.auth.models import Group, User
from django.test import Client

from tests.cast import person


def reviewer_named(username: str) -> User:
    """A member of staff in the group, and no more."""
    user = person(username)
    user.is_staff = True
    user.save()
    user.groups.add(Group.objects.get(name="Reviewers"))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
