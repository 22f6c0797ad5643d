"""Import and export: a workspace's items and messages as lines of a file."""
