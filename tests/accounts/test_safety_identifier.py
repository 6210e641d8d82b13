"""The name by which the provider knows a user: stable, and revealing nothing."""

from pytest_django.fixtures import Settings

from backend.accounts.safety_identifier import safety_identifier


def test_it_is_the_same_each_time_and_different_for_each_user(settings: Settings) -> None:
    names = {safety_identifier(user_id) for user_id in (1, 2, 1)}
    assert len(names) == 2
    assert all(len(name) == 64 and int(name, 16) for name in names)
    settings.SECRET_KEY = "another-key-" + "0" * 40
    assert safety_identifier(1) not in names
