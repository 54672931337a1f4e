"""What one does with runs: start, continue, open, list, fork, prune. It must not fold or decide."""
