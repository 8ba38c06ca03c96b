"""Layers timed against the compiled libraries that are installed: `python -m derive bench`."""
