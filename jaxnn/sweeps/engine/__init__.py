"""How trials run: the plan, the compiled program, and its lanes."""
