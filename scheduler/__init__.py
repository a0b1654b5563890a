"""The core: decides what is due, remembers what was proved."""
