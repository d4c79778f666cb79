"""`python -m jobforge` is the `jobforge` command."""

from jobforge.entrypoints.cli import main

if __name__ == "__main__":
    main()
