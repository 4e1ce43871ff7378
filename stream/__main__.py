"""`python -m cmlstream.stream` is `cmlstream`."""

from cmlstream.stream.cli import main

main()
