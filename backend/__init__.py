"""Kaiwa: a self-hosted realtime voice relay for Django that keeps every word."""

__version__ = "0.1.0"
