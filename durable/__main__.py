"""``python -m durable``: the command line. It must not do anything else."""

from durable.cli import main

if __name__ == "__main__":
    main(prog_name="durable")
