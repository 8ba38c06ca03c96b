"""Derivations for people: text, LaTeX, Markdown, figures and numbers. Emitted source is plain text here."""
