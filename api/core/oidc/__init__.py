"""Sign-in with OpenID Connect: what is said to the provider, and what of its answers counts."""
