"""The derivations we ship, one a file."""
