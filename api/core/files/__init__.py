"""Files as bytes: what they are, what they may be called, how they come in, where they are kept, how they go out."""
