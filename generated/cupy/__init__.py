"""Modules for the backend cupy, one a layer."""
