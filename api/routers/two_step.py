"""Two-step sign-in: setting it up, and signing in with it."""

from fastapi import Request, Response

from api import refresh_cookie
from api.core.errors import ErrorCode
from api.dependencies import Anyone, CurrentActor, Id, InstalledIdentity, Write, WriteAnew
from api.problems import documented
from api.rest import GUARDED, resource_router
from api.schemas.sessions import AccessToken
from api.schemas.two_step import (
    LoginCompletion,
    RecoveryCodes,
    TwoStepBegin,
    TwoStepEnabling,
    TwoStepProof,
    TwoStepSecret,
)
from api.schemas.users import AccountRead
from api.services import second_step, two_step

router = resource_router("auth")

SWITCHING = documented(ErrorCode.CONFLICT, ErrorCode.UNSUPPORTED_MEDIA_TYPE, ErrorCode.RATE_LIMITED)


@router.post(
    "/auth/login/complete",
    responses=documented(ErrorCode.FORBIDDEN, ErrorCode.UNSUPPORTED_MEDIA_TYPE, ErrorCode.RATE_LIMITED),
)
async def complete_login(
    data: LoginCompletion,
    uow: WriteAnew,
    actor: Anyone,
    identity: InstalledIdentity,
    request: Request,
    response: Response,
) -> AccessToken:
    """Sign in, second step: exchange the challenge that `login` answered and a code for the tokens.

    A challenge counts once, for five minutes; a wrong code leaves it as it is.
    """
    if data.refresh_in_cookie:
        refresh_cookie.check_origin(request)
    answer = await second_step.complete_login(uow, actor, data, identity=identity)
    return refresh_cookie.put(response, answer) if data.refresh_in_cookie else answer


@router.post("/auth/two-step", responses=SWITCHING)
async def begin_two_step(
    data: TwoStepBegin, uow: WriteAnew, actor: CurrentActor, identity: InstalledIdentity
) -> TwoStepSecret:
    """Get a secret for your authenticator app. Signing in stays as it is until `enable_two_step`."""
    return await two_step.begin_two_step(uow, actor, data, identity=identity)


@router.post("/auth/two-step/enable", responses=SWITCHING)
async def enable_two_step(
    data: TwoStepEnabling, uow: WriteAnew, actor: CurrentActor, identity: InstalledIdentity
) -> RecoveryCodes:
    """Switch two-step sign-in on, with a code that your app shows, and get ten recovery codes.

    From then on a right password answers `SECOND_STEP_NEEDED`. Sessions that you have go on.
    """
    return await two_step.enable_two_step(uow, actor, data, identity=identity)


@router.post("/auth/two-step/disable", responses=SWITCHING)
async def disable_two_step(
    data: TwoStepProof, uow: Write, actor: CurrentActor, identity: InstalledIdentity
) -> AccountRead:
    """Switch two-step sign-in off, with your password and a code."""
    return AccountRead.model_validate(await two_step.disable_two_step(uow, actor, data, identity=identity))


@router.post("/auth/two-step/recovery-codes", responses=SWITCHING)
async def renew_recovery_codes(
    data: TwoStepProof, uow: WriteAnew, actor: CurrentActor, identity: InstalledIdentity
) -> RecoveryCodes:
    """Get ten new recovery codes, with your password and a code. The old ones count no more."""
    return await two_step.renew_recovery_codes(uow, actor, data, identity=identity)


@router.delete("/users/{id}/two-step", responses=GUARDED | documented(ErrorCode.CONFLICT))
async def reset_two_step(user_id: Id, uow: Write, actor: CurrentActor) -> AccountRead:
    """Switch somebody's two-step sign-in off who lost app and recovery codes. For administrators, not for their own."""
    return AccountRead.model_validate(await two_step.reset_two_step(uow, actor, user_id))
