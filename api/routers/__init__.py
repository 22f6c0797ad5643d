"""REST: one file per resource, registered in the list below."""

from collections.abc import Sequence

from fastapi import APIRouter

from api.routers import (
    api_keys,
    auth,
    changes,
    files,
    health,
    invitations,
    items,
    jobs,
    mail,
    members,
    messages,
    oidc,
    security,
    streams,
    two_step,
    uploads,
    users,
    webhooks,
    workspaces,
)

API_ROUTERS: Sequence[APIRouter] = (
    auth.router,
    api_keys.router,
    two_step.router,
    oidc.router,
    mail.router,
    users.router,
    security.router,
    workspaces.router,
    members.router,
    invitations.router,
    items.router,
    messages.router,
    files.forms,
    files.router,
    uploads.router,
    uploads.carrier,
    changes.router,
    streams.router,
    webhooks.router,
    jobs.router,
)
"""Everything under `/api`."""

SERVICE_ROUTERS: Sequence[APIRouter] = (health.router,)
"""What load balancers and the like ask, outside `/api`."""
