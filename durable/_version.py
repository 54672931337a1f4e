"""The version, in its own file so that the build and ``durable --version`` read it without imports."""

__version__ = "0.1.0"
