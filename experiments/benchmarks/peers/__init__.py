"""The contenders of the benchmarks: the same trainings, implemented with each tool."""
