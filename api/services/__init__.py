"""The use cases and every rule. Both doors call these functions, and nothing else."""
