"""``python -m durable``: the command line. It must not do anything else."""

from durable_runs import main

if __name__ == "__main__":
    main()
