"""The sides of the benchmarks: the same trainings, written as each tool has them done."""
