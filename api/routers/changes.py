"""The change log."""

from typing import Annotated

from fastapi import Query

from api.core.errors import ErrorCode
from api.dependencies import CurrentActor, Id, Read
from api.problems import documented
from api.rest import GUARDED, resource_router
from api.schemas.changes import ChangeList, ChangeQuery, OwnChangeList
from api.services import changes

router = resource_router("changes")


@router.get("/workspaces/{id}/changes", responses={**GUARDED, **documented(ErrorCode.CURSOR_EXPIRED)})
async def list_changes(
    workspace_id: Id, query: Annotated[ChangeQuery, Query()], uow: Read, actor: CurrentActor
) -> ChangeList:
    """Read the change log after the last number you have seen: in order, without gaps."""
    stretch = await changes.list_changes(uow, actor, workspace_id, after=query.after, limit=query.limit)
    return ChangeList.model_validate(stretch)


@router.get("/me/changes", responses=documented(ErrorCode.FORBIDDEN, ErrorCode.CURSOR_EXPIRED))
async def list_my_changes(query: Annotated[ChangeQuery, Query()], uow: Read, actor: CurrentActor) -> OwnChangeList:
    """Read your own log after the last number you have seen: your workspaces, roles and invitations."""
    stretch = await changes.list_my_changes(uow, actor, after=query.after, limit=query.limit)
    return OwnChangeList.model_validate(stretch)
