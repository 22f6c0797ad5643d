"""The GraphQL door: schema, context, router, errors and limits, one file per resource."""
