"""`python -m ingest` is `dlrhub`."""

from ingest.cli import main

main()
