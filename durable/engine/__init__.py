"""One drive of one run: load, replay, decide, execute, append.

One driver per run owns its state and its log. It must not know the command line, a concrete executor or a concrete
store.
"""
