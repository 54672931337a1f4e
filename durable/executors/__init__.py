"""Executors: implementations of ``durable.executor.Executor``."""
