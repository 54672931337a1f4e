"""What one does with runs: start, resume, open, list, watch, fork, prune, run from web handlers.

Here definitions, engine, executors and a store are put together. It must not fold or decide.
"""
