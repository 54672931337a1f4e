"""The pure core: facts, the transition table, the fold and the next decision.

Nothing here does I/O, reads a clock, draws a random number or starts a thread.
"""
