"""Finite groups at numeric sizes: exact orders, orbits of pairs, and null spaces."""
