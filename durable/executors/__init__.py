"""Where bodies run off the driver: worker threads, an event loop, processes, executors of others.

Each implements ``durable.executor.Executor`` and knows calls, not runs; ``remote.py`` is the form of a call for
another process.
"""
