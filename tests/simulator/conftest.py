"""Imports the simulator first, because it sets numpy's thread count before numpy is imported."""

import backend.simulator

__all__ = ["backend"]
