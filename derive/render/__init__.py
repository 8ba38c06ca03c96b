"""Derivations for people: text, LaTeX, Markdown, figures and numbers. Emitted source arrives as plain text."""
