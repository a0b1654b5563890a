"""The face: web pages, JSON endpoints, the command line."""
