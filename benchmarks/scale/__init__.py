"""Rows in any number, and the ways in which they are counted, for `benchmarks/data_scale.py`."""
