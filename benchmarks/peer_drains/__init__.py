"""The bare drains of other job systems, each run by the Python of a folder of its own."""
