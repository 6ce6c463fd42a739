"""Closed forms and thresholds: what should come of a training, computed without one."""
