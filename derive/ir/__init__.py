"""Programs: what is stored where, and in which order it is computed."""
