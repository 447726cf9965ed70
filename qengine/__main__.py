"""`python -m qengine`: the command line."""

from .cli import main

main()
