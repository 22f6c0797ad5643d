"""How GraphQL comes in and goes out: HTTP, sockets, event streams, GraphiQL, errors."""
