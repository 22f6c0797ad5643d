"""The vocabulary, in plain Python: errors, actors, permissions, tokens, passwords, cursors."""
