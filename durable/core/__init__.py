"""The pure machine: events, the transition table, the fold, decisions, policies, plans.

Nothing here does I/O, reads a clock, draws a random number or starts a thread.
"""
