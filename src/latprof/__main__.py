"""`python -m latprof`."""

from latprof.cli import main

if __name__ == "__main__":
    main()
