"""Lanekeeper: every Claude request in the right lane, answered in time at the lowest price."""
