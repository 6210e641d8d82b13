"""The errors of Django's ORM that mean that the database is unavailable, and not a bug of ours."""

from django.db import InterfaceError, InternalError, OperationalError

DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, InternalError)
"""Raised while the database is away, busy, locked or read-only: a later retry can succeed.

PostgreSQL raises InternalError while it is read-only: in a failover, or when its disk is full.
"""
