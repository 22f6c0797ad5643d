"""Accounts."""

from typing import Annotated

from fastapi import Query, Request, Response, status

from api.core.errors import ErrorCode
from api.dependencies import Anyone, CurrentActor, Id, InstalledIdentity, Read, Write, page_of
from api.problems import documented
from api.rest import CHANGING, CREATED, GUARDED, listing, resource_router, tag_created
from api.schemas.pages import PageQuery
from api.schemas.users import AccountList, AccountRead, MeUpdate, UserCreate, UserRead, UserUpdate
from api.services import users

router = resource_router("users")


@router.post(
    "/users",
    status_code=status.HTTP_201_CREATED,
    responses=CHANGING | CREATED | documented(ErrorCode.RATE_LIMITED),
)
async def create_user(
    data: UserCreate, uow: Write, actor: Anyone, identity: InstalledIdentity, request: Request, response: Response
) -> AccountRead:
    """Sign up: create an account with its personal workspace. With `REGISTRATION=closed`, for administrators."""
    user = await users.create_user(uow, actor, data, identity=identity)
    tag_created(request, response, "get_user", id=user.id)
    return AccountRead.model_validate(user)


@router.get("/users/me")
async def get_me(uow: Read, actor: CurrentActor) -> AccountRead:
    """Return your own account."""
    return AccountRead.model_validate(await users.get_me(uow, actor))


@router.patch(
    "/users/me",
    responses=documented(ErrorCode.CONFLICT, ErrorCode.UNSUPPORTED_MEDIA_TYPE, ErrorCode.RATE_LIMITED),
)
async def update_me(data: MeUpdate, uow: Write, actor: CurrentActor, identity: InstalledIdentity) -> AccountRead:
    """Change your own account. A new password ends all your other sessions."""
    return AccountRead.model_validate(await users.update_me(uow, actor, data, identity=identity))


@router.get("/users", responses=documented(ErrorCode.FORBIDDEN))
async def list_users(
    query: Annotated[PageQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> AccountList:
    """List all accounts, for administrators, oldest first."""
    page = await users.list_users(uow, actor, page=page_of(query))
    return await listing(AccountList, AccountRead, page, request)


@router.get("/users/{id}", responses=GUARDED)
async def get_user(user_id: Id, uow: Read, actor: CurrentActor) -> UserRead:
    """Return a user, as colleagues see it, for whoever shares a workspace with it and for administrators."""
    return UserRead.model_validate(await users.get_user(uow, actor, user_id))


@router.get("/users/{id}/account", responses=GUARDED)
async def get_account(user_id: Id, uow: Read, actor: CurrentActor) -> AccountRead:
    """Return an account, for its owner and administrators."""
    return AccountRead.model_validate(await users.get_account(uow, actor, user_id))


@router.patch("/users/{id}", responses=CHANGING)
async def update_user(
    user_id: Id, data: UserUpdate, uow: Write, actor: CurrentActor, identity: InstalledIdentity
) -> AccountRead:
    """Change an account, for administrators. The last administrator stays one."""
    return AccountRead.model_validate(await users.update_user(uow, actor, user_id, data, identity=identity))


@router.delete("/users/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=CHANGING)
async def delete_user(user_id: Id, uow: Write, actor: CurrentActor) -> None:
    """Delete an account, for administrators. Workspaces that it had to itself go with it."""
    await users.delete_user(uow, actor, user_id)
