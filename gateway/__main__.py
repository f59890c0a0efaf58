"""`python -m gateway` is `mailgw`."""

from gateway.cli.main import main

main()
