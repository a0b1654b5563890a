"""``python -m api.cli``: what the launcher starts."""

from api.cli import main

main()
