"""How an operation is judged and executed: documents, variables, price and limits, batches."""
