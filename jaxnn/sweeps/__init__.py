"""Sweeps: many trainings through the lanes of one compiled program."""

from jaxnn.sweeps.search import sweep as sweep
