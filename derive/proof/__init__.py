"""Obligations, the solver, certificates and counterexamples."""
