"""The tables of bad input: what is refused, by what type of error, in which words (test_checks.py holds it to that)."""

from mistakes.doors import DOORS
from mistakes.fitting import VALUES
from mistakes.functions import FUNCTIONS
from mistakes.kinds import KINDS
from mistakes.preparation import PREPARATION
from mistakes.searching import LATE, SEARCHING

DATA = [*VALUES, *KINDS]
TABLES = {"functions": FUNCTIONS, "doors": DOORS, "preparation": PREPARATION, "searching": SEARCHING}
CALLS = {f"{table}: {name}": row for table, rows in TABLES.items() for name, row in rows.items()}

__all__ = ["CALLS", "DATA", "LATE"]
