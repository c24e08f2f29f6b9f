"""`python -m gateway.cli` is `gardefou`."""

from gateway.cli import main

main()
