"""The GraphQL door: schema, context, router, errors and limits, one file per resource."""

# Before every other module here: a type that meets an enumeration first would register it without its description.
from graphql_schema.enums import ENUMS

__all__ = ["ENUMS"]
