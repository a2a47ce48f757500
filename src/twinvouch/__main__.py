"""`python -m twinvouch`."""

from twinvouch.app.cli import main

if __name__ == "__main__":
    main()
