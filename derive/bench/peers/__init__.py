"""The libraries that layers are timed against, one a file, and the layers themselves.

A file exports its `Family`. Every adapter computes the same thing: zero edges, the result as large as the grid divided by
the stride.
"""
