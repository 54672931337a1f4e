"""Measured programs that need only the project's own environment; each runs as a process of its own."""
