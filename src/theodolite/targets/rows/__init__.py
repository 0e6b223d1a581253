"""Rows of training data: from bytes on a disk to turns of text, streaming, with nothing dropped in silence.

Read in this order: `row` (what a row is), `turns` and `shapes` (from an object to a row), `stream` (bytes),
`json_lines`, `json_array`, `csv_table` and `parquet` (from bytes to objects), `formats` (which of them),
`remarks` and `repeats` (what is said about the rows) and `data` (the door: `open_data`).
"""
