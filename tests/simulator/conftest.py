"""Lets the simulator choose numpy's threads before a test imports numpy."""

import backend.simulator

__all__ = ["backend"]
