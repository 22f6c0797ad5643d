"""Signing in."""

from api.core.errors import ErrorCode
from api.dependencies import CurrentActor, InstalledIdentity, Read
from api.problems import documented
from api.rest import resource_router
from api.schemas.users import AccessToken, Login
from api.services import auth

router = resource_router("auth")


@router.post("/auth/login", responses=documented(ErrorCode.UNSUPPORTED_MEDIA_TYPE))
async def login(data: Login, uow: Read, actor: CurrentActor, identity: InstalledIdentity) -> AccessToken:
    """Exchange an e-mail address and its password for an access token."""
    return await auth.login(uow, actor, data, identity=identity)
