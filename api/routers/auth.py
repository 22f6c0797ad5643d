"""Signing in."""

from api.core.errors import ErrorCode
from api.dependencies import Anyone, CurrentActor, InstalledIdentity, Read
from api.problems import documented
from api.rest import resource_router
from api.schemas.users import AccessToken, Login, StreamTicket, StreamTicketCreate
from api.services import auth

router = resource_router("auth")


@router.post("/auth/login", responses=documented(ErrorCode.UNSUPPORTED_MEDIA_TYPE, ErrorCode.RATE_LIMITED))
async def login(data: Login, uow: Read, actor: Anyone, identity: InstalledIdentity) -> AccessToken:
    """Exchange an e-mail address and its password for an access token."""
    return await auth.login(uow, actor, data, identity=identity)


@router.post("/auth/stream-ticket", responses=documented(ErrorCode.NOT_FOUND, ErrorCode.UNSUPPORTED_MEDIA_TYPE))
async def create_stream_ticket(
    data: StreamTicketCreate, uow: Read, actor: CurrentActor, identity: InstalledIdentity
) -> StreamTicket:
    """Get a ticket for the change stream of a workspace, for a browser's `EventSource`, which sends no headers."""
    return await auth.create_stream_ticket(uow, actor, data, identity=identity)
