"""Workspaces."""

from typing import Annotated

from fastapi import Query, Request, Response, status

from api.dependencies import CurrentActor, ExpectedVersion, Id, Read, Write, page_of
from api.rest import (
    CHANGING,
    CREATED_AND_TAGGED,
    GUARDED,
    TAGGED,
    VERSIONED,
    listing,
    resource_router,
    tag_created,
    tag_version,
)
from api.schemas.pages import PageQuery
from api.schemas.workspaces import WorkspaceCreate, WorkspaceList, WorkspaceRead, WorkspaceUpdate
from api.services import workspaces

router = resource_router("workspaces")


@router.get("/workspaces")
async def list_workspaces(
    query: Annotated[PageQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> WorkspaceList:
    """List your workspaces, oldest first."""
    page = await workspaces.list_workspaces(uow, actor, page=page_of(query))
    return await listing(WorkspaceList, WorkspaceRead, page, request)


@router.post("/workspaces", status_code=status.HTTP_201_CREATED, responses=CHANGING | CREATED_AND_TAGGED)
async def create_workspace(
    data: WorkspaceCreate, uow: Write, actor: CurrentActor, request: Request, response: Response
) -> WorkspaceRead:
    """Create a workspace; you become its first admin."""
    workspace = await workspaces.create_workspace(uow, actor, data)
    tag_created(request, response, "get_workspace", id=workspace.id)
    tag_version(response, workspace)
    return WorkspaceRead.model_validate(workspace)


@router.get("/workspaces/{id}", responses=GUARDED | TAGGED)
async def get_workspace(workspace_id: Id, uow: Read, actor: CurrentActor, response: Response) -> WorkspaceRead:
    """Return one of your workspaces."""
    workspace = await workspaces.get_workspace(uow, actor, workspace_id)
    tag_version(response, workspace)
    return WorkspaceRead.model_validate(workspace)


@router.patch("/workspaces/{id}", responses=VERSIONED | TAGGED)
async def update_workspace(
    workspace_id: Id,
    data: WorkspaceUpdate,
    uow: Write,
    actor: CurrentActor,
    expected: ExpectedVersion,
    response: Response,
) -> WorkspaceRead:
    """Change a workspace, for its admins."""
    workspace = await workspaces.update_workspace(uow, actor, workspace_id, data, expected_version=expected)
    tag_version(response, workspace)
    return WorkspaceRead.model_validate(workspace)


@router.delete("/workspaces/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=CHANGING)
async def delete_workspace(workspace_id: Id, uow: Write, actor: CurrentActor) -> None:
    """Delete a workspace with all it holds, for its admins. A personal one goes with its account only."""
    await workspaces.delete_workspace(uow, actor, workspace_id)
