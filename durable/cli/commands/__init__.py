"""One file a command; ``durable.cli.main`` finds it by its name, and only the one that is used is imported."""
