"""Modules for the backend numpy, one a layer."""
