"""How groups act on indices and channels, one file a family."""
