"""`python -m jobfs` is `jobfs`; the supervisor starts its roles so."""

from jobfs.cli.main import main

if __name__ == "__main__":
    main()
