"""Rows are the truth: the tables, their states and the ledger."""
