"""The same work done by other libraries; each program runs in an environment of its own."""
