"""Live updates: the hub, the bus between processes, the rights of streams, and what they deliver."""
