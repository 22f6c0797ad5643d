"""Queries, one module per table. Services are their only callers."""
