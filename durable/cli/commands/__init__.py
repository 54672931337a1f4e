"""One file a command; ``durable.cli.main`` finds them by name."""
