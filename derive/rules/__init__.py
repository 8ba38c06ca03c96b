"""One rewrite rule a file: statement, rewrite, constraint, EXAMPLE and COUNTEREXAMPLE."""
