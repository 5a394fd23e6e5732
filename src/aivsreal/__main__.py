"""`python -m aivsreal`: the command line."""

from aivsreal.cli.main import main

main()
