"""What people do by mail: proving an address, choosing a new password."""

from api.core.errors import ErrorCode
from api.dependencies import Anyone, CurrentActor, InstalledIdentity, Write
from api.problems import documented
from api.rest import resource_router
from api.schemas.mail import EmailChange, EmailVerification, PasswordReset, PasswordResetRequest, Receipt
from api.services import mail_proofs

router = resource_router("auth")

LIMITED = documented(ErrorCode.RATE_LIMITED)
LIMITED_BODY = documented(ErrorCode.RATE_LIMITED, ErrorCode.UNSUPPORTED_MEDIA_TYPE)


@router.post("/auth/request-email-verification", responses=LIMITED)
async def request_email_verification(uow: Write, actor: CurrentActor, identity: InstalledIdentity) -> Receipt:
    """Be sent a mail to confirm the address of your account."""
    return await mail_proofs.request_email_verification(uow, actor, identity=identity)


@router.post("/auth/verify-email", responses=documented(ErrorCode.CONFLICT, ErrorCode.UNSUPPORTED_MEDIA_TYPE))
async def verify_email(data: EmailVerification, uow: Write, actor: Anyone) -> Receipt:
    """Confirm an address by the token of a mail to it. The one that `change_email` sent changes the address."""
    return await mail_proofs.verify_email(uow, actor, data)


@router.post("/auth/request-password-reset", responses=LIMITED_BODY)
async def request_password_reset(
    data: PasswordResetRequest, uow: Write, actor: Anyone, identity: InstalledIdentity
) -> Receipt:
    """Have a mail sent to choose a new password with. The answer is the same whether or not there is an account."""
    return await mail_proofs.request_password_reset(uow, actor, data, identity=identity)


@router.post("/auth/reset-password", responses=documented(ErrorCode.UNSUPPORTED_MEDIA_TYPE, ErrorCode.RATE_LIMITED))
async def reset_password(data: PasswordReset, uow: Write, actor: Anyone, identity: InstalledIdentity) -> Receipt:
    """Set a new password by the token of a mail. It ends all sessions of the account."""
    return await mail_proofs.reset_password(uow, actor, data, identity=identity)


@router.post("/auth/change-email", responses=LIMITED_BODY)
async def change_email(data: EmailChange, uow: Write, actor: CurrentActor, identity: InstalledIdentity) -> Receipt:
    """Be sent a mail to the address that your account shall have. It changes once you confirm it."""
    return await mail_proofs.change_email(uow, actor, data, identity=identity)
