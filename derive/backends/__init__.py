"""One target a file. A backend prints a program; it decides nothing."""
