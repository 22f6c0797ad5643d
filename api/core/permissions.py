"""Which role in a workspace may do what: one table, read by the services."""

from collections.abc import Mapping
from enum import StrEnum

from db.models import Role


class Permission(StrEnum):
    """Something that can be done in a workspace."""

    READ = "read"
    WRITE = "write"
    MANAGE = "manage"


RANK: Mapping[Role, int] = {Role.VIEWER: 1, Role.EDITOR: 2, Role.ADMIN: 3}

LEAST_ROLE: Mapping[Permission, Role] = {
    Permission.READ: Role.VIEWER,
    Permission.WRITE: Role.EDITOR,
    Permission.MANAGE: Role.ADMIN,
}


def allows(role: Role, permission: Permission) -> bool:
    """Return whether the role may do it."""
    return RANK[role] >= RANK[LEAST_ROLE[permission]]
