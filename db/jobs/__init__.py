"""Jobs: work that is promised in a transaction and done after it, by DBOS. Nothing outside this package knows that."""
