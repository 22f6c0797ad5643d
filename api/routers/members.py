"""Members of workspaces."""

from typing import Annotated

from fastapi import Query, Request, status

from api.dependencies import CurrentActor, Id, Read, UserId, Write, page_of
from api.rest import CHANGING, GUARDED, listing, resource_router
from api.schemas.pages import PageQuery
from api.schemas.workspaces import MemberAdd, MemberList, MemberRead, MemberUpdate
from api.services import members

router = resource_router("members")


@router.get("/workspaces/{id}/members", responses=GUARDED)
async def list_members(
    workspace_id: Id, query: Annotated[PageQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> MemberList:
    """List the members of a workspace in the order in which they came."""
    page = await members.list_members(uow, actor, workspace_id, page=page_of(query))
    return await listing(MemberList, MemberRead, page, request)


@router.post("/workspaces/{id}/members", status_code=status.HTTP_201_CREATED, responses=CHANGING)
async def add_member(workspace_id: Id, data: MemberAdd, uow: Write, actor: CurrentActor) -> MemberRead:
    """Let a user in, for admins of the workspace."""
    return MemberRead.model_validate(await members.add_member(uow, actor, workspace_id, data))


@router.patch("/workspaces/{id}/members/{user_id}", responses=CHANGING)
async def update_member(
    workspace_id: Id, user_id: UserId, data: MemberUpdate, uow: Write, actor: CurrentActor
) -> MemberRead:
    """Give a member another role, for admins of the workspace. The last admin stays one."""
    return MemberRead.model_validate(await members.update_member(uow, actor, workspace_id, user_id, data))


@router.delete("/workspaces/{id}/members/{user_id}", status_code=status.HTTP_204_NO_CONTENT, responses=CHANGING)
async def remove_member(workspace_id: Id, user_id: UserId, uow: Write, actor: CurrentActor) -> None:
    """Take a member out: yourself, or as an admin anybody. The last admin cannot leave."""
    await members.remove_member(uow, actor, workspace_id, user_id)
