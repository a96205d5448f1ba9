"""The tables of bad input: what is refused, by what type of error, in which words (test_checks.py holds it to that)."""

from helpers.bad_input.data import PREPARATION
from helpers.bad_input.fit_types import KINDS
from helpers.bad_input.fit_values import VALUES
from helpers.bad_input.layers import FUNCTIONS
from helpers.bad_input.sweep import LATE, SEARCHING
from helpers.bad_input.training import DOORS

DATA = [*VALUES, *KINDS]
TABLES = {"functions": FUNCTIONS, "doors": DOORS, "preparation": PREPARATION, "searching": SEARCHING}
CALLS = {f"{table}: {name}": row for table, rows in TABLES.items() for name, row in rows.items()}

__all__ = ["CALLS", "DATA", "LATE"]
