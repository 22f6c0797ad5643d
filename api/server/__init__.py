"""What wraps the process: start-up and end, connections and what they may leave open, bodies, logs."""
