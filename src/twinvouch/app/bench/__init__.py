"""Benchmarks: each module has `run() -> figures`; ratios are against a named baseline in the same run."""
