"""The same hashes as Django's, by a thread of lower priority."""

import os
import sys
import threading

import pytest
from django.conf import global_settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from backend import settings
from backend.accounts.password_hasher import NICENESS, BackgroundPBKDF2PasswordHasher

PASSWORD, SALT = "a-long-walk-in-the-rain", "0123456789abcdefghijkl"


@pytest.mark.parametrize("iterations", [1, 1000])
def test_the_hash_is_djangos(iterations: int) -> None:
    ours, djangos = BackgroundPBKDF2PasswordHasher(), PBKDF2PasswordHasher()
    encoded = ours.encode(PASSWORD, SALT, iterations)
    assert encoded == djangos.encode(PASSWORD, SALT, iterations)
    assert ours.verify(PASSWORD, encoded)
    assert not ours.verify("another", encoded)


def test_it_takes_the_place_of_djangos() -> None:
    assert settings.PASSWORD_HASHERS[0].endswith(BackgroundPBKDF2PasswordHasher.__name__)
    assert global_settings.PASSWORD_HASHERS[0].endswith(PBKDF2PasswordHasher.__name__)
    assert settings.PASSWORD_HASHERS[1:] == global_settings.PASSWORD_HASHERS[1:]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_its_thread_has_a_lower_priority_than_the_callers() -> None:
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    BackgroundPBKDF2PasswordHasher().encode(PASSWORD, SALT, 1)
    (hashing,) = (each for each in threading.enumerate() if each.name.startswith("password-hash"))
    assert hashing.native_id is not None
    # Higher where the tests themselves give way.
    assert os.getpriority(os.PRIO_PROCESS, hashing.native_id) >= NICENESS
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
