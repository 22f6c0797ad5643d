"""Every operation, called by everybody, at both doors, compared code by code with one table."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyotp
import pytest

from api.main import create_app
from tests.conftest import make_settings
from tests.doors.authenticator import RECOVERY_CODE, SHARED
from tests.doors.door import Door, DoorError, Raw
from tests.doors.people import PASSWORD, World
from tests.doors.rows import all_rows, keep, put_back
from tests.doors.targets import Cast, Target, make_cast, make_target
from tests.doors.uploading import appended, begun, form_of

CODES = {
    "ok": "OK",
    "who": "UNAUTHENTICATED",
    "no": "FORBIDDEN",
    "none": "NOT_FOUND",
    "last": "CONFLICT",  # the last administrator, who cannot go
    "off": "CONFLICT",  # what the caller has only begun to switch on
}

# `viewer`, `editor` and `admin` are roles in the workspace; `root` is an administrator of accounts who
# is no member of it, and `stranger` anybody else. What stands after the slash is a case of its own.
TABLE = """
operation                anonymous  viewer  editor  admin  stranger  root
get_health               ok         ok      ok      ok     ok        ok
get_ready                ok         ok      ok      ok     ok        ok
login                    ok         ok      ok      ok     ok        ok
complete_login           ok         ok      ok      ok     ok        ok
begin_oidc_sign_in       none       none    none    none   none      none
complete_oidc_sign_in    none       none    none    none   none      none
begin_two_step           who        ok      ok      ok     ok        ok
enable_two_step          who        ok      ok      ok     ok        ok
disable_two_step         who        off     off     off    off       off
renew_recovery_codes     who        off     off     off    off       off
reset_two_step           who        no      no      no     no        ok
reset_two_step/own       who        no      no      no     no        no
refresh_session          ok         ok      ok      ok     ok        ok
logout                   who        ok      ok      ok     ok        ok
list_sessions            who        ok      ok      ok     ok        ok
revoke_session           who        none    none    none   none      none
revoke_session/own       who        ok      ok      ok     ok        ok
revoke_all_sessions      who        ok      ok      ok     ok        ok
create_api_key           who        ok      ok      ok     ok        ok
create_api_key/here      who        ok      ok      ok     none      none
list_api_keys            who        ok      ok      ok     ok        ok
revoke_api_key           who        none    none    none   none      none
revoke_api_key/own       who        ok      ok      ok     ok        ok
list_security_events     who        no      no      no     no        ok
create_user              ok         ok      ok      ok     ok        ok
get_me                   who        ok      ok      ok     ok        ok
update_me                who        ok      ok      ok     ok        ok
list_users               who        no      no      no     no        ok
get_user                 who        none    none    none   none      ok
get_user/colleague       who        ok      ok      ok     none      ok
get_user/own             who        ok      ok      ok     ok        ok
get_account              who        no      no      no     no        ok
get_account/own          who        ok      ok      ok     ok        ok
update_user              who        no      no      no     no        ok
update_user/own          who        no      no      no     no        ok
delete_user              who        no      no      no     no        ok
delete_user/own          who        no      no      no     no        last
create_user/root         no         no      no      no     no        ok
list_workspaces          who        ok      ok      ok     ok        ok
create_workspace         who        ok      ok      ok     ok        ok
get_workspace            who        ok      ok      ok     none      none
update_workspace         who        no      no      ok     none      none
delete_workspace         who        no      no      ok     none      none
list_members             who        ok      ok      ok     none      none
add_member               who        no      no      ok     none      none
update_member            who        no      no      ok     none      none
update_member/own        who        no      no      ok     none      none
remove_member            who        no      no      ok     none      none
remove_member/own        who        ok      ok      ok     none      none
invite_member            who        no      no      ok     none      none
list_invitations         who        no      no      ok     none      none
list_invitations/own     who        ok      ok      ok     ok        ok
accept_invitation        who        none    none    none   none      none
accept_invitation/token  who        no      no      no     no        no
accept_invitation/own    who        ok      ok      ok     ok        ok
decline_invitation       who        none    none    none   none      none
decline_invitation/token  ok        ok      ok      ok     ok        ok
decline_invitation/own   who        ok      ok      ok     ok        ok
revoke_invitation        who        no      no      ok     none      none
revoke_invitation/own    who        none    none    none   none      none
list_items               who        ok      ok      ok     none      none
list_items/personal      who        ok      ok      ok     ok        ok
create_item              who        no      ok      ok     none      none
create_item/personal     who        ok      ok      ok     ok        ok
get_item                 who        ok      ok      ok     none      none
update_item              who        no      ok      ok     none      none
delete_item              who        no      ok      ok     none      none
delete_item/permanent    who        no      no      ok     none      none
restore_item             who        no      ok      ok     none      none
list_messages            who        ok      ok      ok     none      none
list_messages/thread     who        ok      ok      ok     none      none
create_message           who        no      ok      ok     none      none
create_message/thread    who        no      ok      ok     none      none
get_message              who        ok      ok      ok     none      none
update_message           who        no      no      no     none      none
update_message/own       who        no      ok      ok     none      none
delete_message           who        no      no      ok     none      none
delete_message/own       who        no      ok      ok     none      none
get_file                 who        ok      ok      ok     none      none
get_file_content         who        ok      ok      ok     none      none
get_thumbnail            who        ok      ok      ok     none      none
create_download_link     who        ok      ok      ok     none      none
create_upload            who        no      ok      ok     none      none
create_upload/personal   who        ok      ok      ok     ok        ok
create_upload/item       who        no      ok      ok     none      none
create_upload/message    who        no      no      no     none      none
create_upload/own        who        no      ok      ok     none      none
get_upload               who        none    none    none   none      none
get_upload/own           who        ok      ok      ok     none      none
complete_upload          who        none    none    none   none      none
complete_upload/own      who        ok      ok      ok     none      none
delete_upload            who        none    none    none   none      none
delete_upload/own        who        ok      ok      ok     none      none
put_upload               who        none    none    none   none      none
put_upload/own           who        no      ok      ok     none      none
append_to_upload         who        none    none    none   none      none
append_to_upload/own     who        no      ok      ok     none      none
begin_tus_upload         who        ok      ok      ok     ok        ok
begin_tus_upload/item    who        no      ok      ok     none      none
list_files               who        ok      ok      ok     none      none
list_files/personal      who        ok      ok      ok     ok        ok
list_files/item          who        ok      ok      ok     none      none
list_files/message       who        ok      ok      ok     none      none
list_item_files          who        ok      ok      ok     none      none
upload_files             who        no      ok      ok     none      none
upload_files/personal    who        ok      ok      ok     ok        ok
upload_files/item        who        no      ok      ok     none      none
upload_files/message     who        no      no      no     none      none
upload_files/own         who        no      ok      ok     none      none
update_file              who        no      ok      ok     none      none
update_file/message      who        no      no      ok     none      none
update_file/own          who        no      ok      ok     none      none
delete_file              who        no      ok      ok     none      none
delete_file/message      who        no      no      ok     none      none
delete_file/own          who        no      ok      ok     none      none
delete_file/permanent    who        no      no      ok     none      none
restore_file             who        no      ok      ok     none      none
list_changes             who        ok      ok      ok     none      none
list_my_changes          who        ok      ok      ok     ok        ok
create_stream_ticket     who        ok      ok      ok     none      none
create_stream_ticket/own  who       ok      ok      ok     ok        ok
request_email_verification  who     ok      ok      ok     ok        ok
verify_email             ok         ok      ok      ok     ok        ok
request_password_reset   ok         ok      ok      ok     ok        ok
reset_password           ok         ok      ok      ok     ok        ok
change_email             who        ok      ok      ok     ok        ok
list_webhooks            who        no      no      ok     none      none
create_webhook           who        no      no      ok     none      none
create_webhook/personal  who        ok      ok      ok     ok        ok
get_webhook              who        no      no      ok     none      none
update_webhook           who        no      no      ok     none      none
delete_webhook           who        no      no      ok     none      none
list_webhook_deliveries  who        no      no      ok     none      none
redeliver                who        no      no      ok     none      none
list_jobs                who        no      no      no     no        ok
retry_job                who        no      no      no     no        ok
cancel_job               who        no      no      no     no        ok
"""

HEADER, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
COLUMNS = HEADER[1:]
EXPECTED = {case: dict(zip(COLUMNS, (CODES[word] for word in words), strict=True)) for case, *words in ROWS}
REST_ONLY = {"get_health", "get_ready", "upload_files", "list_item_files", "get_file_content"} | {
    "get_thumbnail",
    "put_upload",
    "append_to_upload",
    "begin_tus_upload",
}
"""What `tests.test_parity` says of each."""

STREAMS = {"stream_changes", "stream_mine"}
"""Answers that do not end; everybody's right to them is the subject of the tests of streams."""

READING = ("get_", "list_", "create_stream_ticket", "create_download_link", "complete_upload")

Arguments = dict[str, Any]


def _account(role: str) -> Arguments:
    email = f"{uuid4().hex}@example.com"
    return {"name": "New", "email": email, "password": PASSWORD, "password_confirm": PASSWORD, "role": role}


def _sign_in(cast: Cast, _target: Target) -> Arguments:
    return {"data": {"email": (cast.caller or cast.founder).email, "password": PASSWORD}}


def _own_id(cast: Cast) -> str:
    return str((cast.caller or cast.founder).id)


def _member(target: Target, user: object, **arguments: Any) -> Arguments:
    return {"id": str(target.workspace), "user_id": str(user), **arguments}


def _invitation(invitation: object) -> Arguments:
    return {"data": {"invitation_id": str(invitation)}}


def _to_message(message: object) -> Arguments:
    return {"data": {"name": "new.txt", "size": 3, "message_id": str(message)}}


def _in_workspace(target: Target, **data: Any) -> Arguments:
    return {"data": {"workspace_id": str(target.workspace), **data}}


CALLS: dict[str, Callable[[Cast, Target], Arguments]] = {
    "get_health": lambda _cast, _target: {},
    "get_ready": lambda _cast, _target: {},
    "login": _sign_in,
    "complete_login": lambda _cast, target: {"data": {"challenge": target.challenge, "code": RECOVERY_CODE}},
    # Here there is no provider; with one it is for everybody (tests/oidc).
    "begin_oidc_sign_in": lambda _cast, _target: {"data": {}},
    "complete_oidc_sign_in": lambda _cast, _target: {"data": {"sign_in": "tfo_", "state": "", "code": ""}},
    "begin_two_step": lambda _cast, _target: {"data": {"current_password": PASSWORD}},
    "enable_two_step": lambda _cast, _target: {"data": {"code": pyotp.TOTP(SHARED).now()}},
    "disable_two_step": lambda _cast, _target: {"data": {"current_password": PASSWORD, "code": RECOVERY_CODE}},
    "renew_recovery_codes": lambda _cast, _target: {"data": {"current_password": PASSWORD, "code": RECOVERY_CODE}},
    "reset_two_step": lambda _cast, target: {"id": str(target.outsider)},
    "reset_two_step/own": lambda cast, _target: {"id": _own_id(cast)},
    "refresh_session": lambda _cast, target: {"data": {"refresh_token": target.refresh_token}},
    "logout": lambda _cast, _target: {},
    "list_sessions": lambda _cast, _target: {},
    "revoke_session": lambda _cast, target: {"id": str(target.foreign_session)},
    "revoke_session/own": lambda _cast, target: {"id": str(target.own_session)},
    "revoke_all_sessions": lambda _cast, _target: {},
    "create_api_key": lambda _cast, _target: {"data": {"name": "New"}},
    "create_api_key/here": lambda _cast, target: _in_workspace(target, name="New"),
    "list_api_keys": lambda _cast, _target: {},
    "revoke_api_key": lambda _cast, target: {"id": str(target.foreign_key)},
    "revoke_api_key/own": lambda _cast, target: {"id": str(target.own_key)},
    "list_security_events": lambda _cast, _target: {},
    "create_user": lambda _cast, _target: {"data": _account("member")},
    "create_user/root": lambda _cast, _target: {"data": _account("admin")},
    "get_me": lambda _cast, _target: {},
    "update_me": lambda _cast, _target: {"data": {"name": "Renamed"}},
    "list_users": lambda _cast, _target: {},
    "get_user": lambda _cast, target: {"id": str(target.outsider)},
    "get_user/colleague": lambda _cast, target: {"id": str(target.bystander)},
    "get_user/own": lambda cast, _target: {"id": _own_id(cast)},
    "get_account": lambda _cast, target: {"id": str(target.outsider)},
    "get_account/own": lambda cast, _target: {"id": _own_id(cast)},
    "update_user": lambda _cast, target: {"id": str(target.outsider), "data": {"disabled": True}},
    "update_user/own": lambda cast, _target: {"id": _own_id(cast), "data": {"name": "Myself"}},
    "delete_user": lambda _cast, target: {"id": str(target.outsider)},
    "delete_user/own": lambda cast, _target: {"id": _own_id(cast)},
    "list_workspaces": lambda _cast, _target: {},
    "create_workspace": lambda _cast, _target: {"data": {"name": "New"}},
    "get_workspace": lambda _cast, target: {"id": str(target.workspace)},
    "update_workspace": lambda _cast, target: {"id": str(target.workspace), "data": {"name": "Mine"}},
    "delete_workspace": lambda _cast, target: {"id": str(target.workspace)},
    "list_members": lambda _cast, target: {"id": str(target.workspace)},
    "add_member": lambda _cast, target: {"id": str(target.workspace), "data": {"user_id": str(target.outsider)}},
    "update_member": lambda _cast, target: _member(target, target.bystander, data={"role": "viewer"}),
    "update_member/own": lambda cast, target: _member(target, _own_id(cast), data={"role": "editor"}),
    "remove_member": lambda _cast, target: _member(target, target.bystander),
    "remove_member/own": lambda cast, target: _member(target, _own_id(cast)),
    "invite_member": lambda _cast, target: {"id": str(target.workspace), "data": {"email": "new@example.com"}},
    "list_invitations": lambda _cast, target: {"workspace_id": str(target.workspace)},
    "list_invitations/own": lambda _cast, _target: {},
    "accept_invitation": lambda _cast, target: _invitation(target.invitation),
    "accept_invitation/token": lambda _cast, _target: {"data": {"token": "invitation"}},
    "accept_invitation/own": lambda _cast, target: _invitation(target.own_invitation),
    "decline_invitation": lambda _cast, target: _invitation(target.invitation),
    "decline_invitation/token": lambda _cast, _target: {"data": {"token": "invitation"}},
    "decline_invitation/own": lambda _cast, target: _invitation(target.own_invitation),
    "revoke_invitation": lambda _cast, target: {"id": str(target.invitation)},
    "revoke_invitation/own": lambda _cast, target: {"id": str(target.own_invitation)},
    "list_items": lambda _cast, target: {"workspace_id": str(target.workspace)},
    "list_items/personal": lambda _cast, _target: {},
    "create_item": lambda _cast, target: _in_workspace(target, title="New"),
    "create_item/personal": lambda _cast, _target: {"data": {"title": "New"}},
    "get_item": lambda _cast, target: {"id": str(target.item)},
    "update_item": lambda _cast, target: {"id": str(target.item), "data": {"status": "done"}},
    "delete_item": lambda _cast, target: {"id": str(target.item)},
    "delete_item/permanent": lambda _cast, target: {"id": str(target.item), "permanent": True},
    "restore_item": lambda _cast, target: {"id": str(target.trashed)},
    "list_messages": lambda _cast, target: {"workspace_id": str(target.workspace)},
    "list_messages/thread": lambda _cast, target: {"item_id": str(target.item)},
    "create_message": lambda _cast, target: _in_workspace(target, body="New"),
    "create_message/thread": lambda _cast, target: {"data": {"item_id": str(target.item), "body": "New"}},
    "get_message": lambda _cast, target: {"id": str(target.message)},
    "update_message": lambda _cast, target: {"id": str(target.message), "data": {"body": "Changed"}},
    "update_message/own": lambda _cast, target: {"id": str(target.own_message), "data": {"body": "Changed"}},
    "delete_message": lambda _cast, target: {"id": str(target.message)},
    "delete_message/own": lambda _cast, target: {"id": str(target.own_message)},
    "get_file": lambda _cast, target: {"id": str(target.file)},
    "get_file_content": lambda _cast, target: {"id": str(target.file)},
    "list_files": lambda _cast, target: {"workspace_id": str(target.workspace)},
    "list_files/personal": lambda _cast, _target: {},
    "list_files/item": lambda _cast, target: {"item_id": str(target.item)},
    "list_files/message": lambda _cast, target: {"message_id": str(target.message)},
    "list_item_files": lambda _cast, target: {"id": str(target.item)},
    "get_thumbnail": lambda _cast, target: {"id": str(target.picture)},
    "create_download_link": lambda _cast, target: {"id": str(target.file), "data": {}},
    "create_upload": lambda _cast, target: _in_workspace(target, name="new.txt", size=3),
    "create_upload/personal": lambda _cast, _target: {"data": {"name": "new.txt", "size": 3}},
    "create_upload/item": lambda _cast, target: {"data": {"name": "a", "size": 3, "item_id": str(target.item)}},
    "create_upload/message": lambda _cast, target: _to_message(target.message),
    "create_upload/own": lambda _cast, target: _to_message(target.own_message),
    "get_upload": lambda _cast, target: {"id": str(target.upload)},
    "get_upload/own": lambda _cast, target: {"id": str(target.own_upload)},
    "complete_upload": lambda _cast, target: {"id": str(target.upload)},
    "complete_upload/own": lambda _cast, target: {"id": str(target.own_file)},
    "delete_upload": lambda _cast, target: {"id": str(target.upload)},
    "delete_upload/own": lambda _cast, target: {"id": str(target.own_upload)},
    "put_upload": lambda _cast, target: {"id": str(target.upload), "raw": Raw(b"New")},
    "put_upload/own": lambda _cast, target: {"id": str(target.own_upload), "raw": Raw(b"New")},
    "append_to_upload": lambda _cast, target: {"id": str(target.upload), "raw": appended(b"N")},
    "append_to_upload/own": lambda _cast, target: {"id": str(target.own_upload), "raw": appended(b"N")},
    "begin_tus_upload": lambda _cast, _target: {"raw": begun(3)},
    "begin_tus_upload/item": lambda _cast, target: {"raw": begun(3, item_id=target.item)},
    "upload_files": lambda _cast, target: {"form": form_of(b"New", workspace_id=target.workspace)},
    "upload_files/personal": lambda _cast, _target: {"form": form_of(b"New")},
    "upload_files/item": lambda _cast, target: {"form": form_of(b"New", item_id=target.item)},
    "upload_files/message": lambda _cast, target: {"form": form_of(b"New", message_id=target.message)},
    "upload_files/own": lambda _cast, target: {"form": form_of(b"New", message_id=target.own_message)},
    "update_file": lambda _cast, target: {"id": str(target.file), "data": {"name": "b"}},
    "update_file/message": lambda _cast, target: {"id": str(target.message_file), "data": {"name": "b"}},
    "update_file/own": lambda _cast, target: {"id": str(target.own_file), "data": {"name": "b"}},
    "delete_file": lambda _cast, target: {"id": str(target.file)},
    "delete_file/message": lambda _cast, target: {"id": str(target.message_file)},
    "delete_file/own": lambda _cast, target: {"id": str(target.own_file)},
    "delete_file/permanent": lambda _cast, target: {"id": str(target.file), "permanent": True},
    "restore_file": lambda _cast, target: {"id": str(target.trashed_file)},
    "list_changes": lambda _cast, target: {"id": str(target.workspace)},
    "list_my_changes": lambda _cast, _target: {},
    "create_stream_ticket": lambda _cast, target: _in_workspace(target),
    "create_stream_ticket/own": lambda _cast, _target: {"data": {"mine": True}},
    "request_email_verification": lambda _cast, _target: {},
    "verify_email": lambda _cast, _target: {"data": {"token": "verification"}},
    "request_password_reset": lambda _cast, _target: {"data": {"email": "outsider@example.com"}},
    "reset_password": lambda _cast, _target: {
        "data": {"token": "password_reset", "password": PASSWORD, "password_confirm": PASSWORD}
    },
    "change_email": lambda _cast, _target: {"data": {"email": "new@example.com", "current_password": PASSWORD}},
    "list_webhooks": lambda _cast, target: {"workspace_id": str(target.workspace)},
    "create_webhook": lambda _cast, target: _in_workspace(target, url="https://example.com/new"),
    "create_webhook/personal": lambda _cast, _target: {"data": {"url": "https://example.com/new"}},
    "get_webhook": lambda _cast, target: {"id": str(target.webhook)},
    "update_webhook": lambda _cast, target: {"id": str(target.webhook), "data": {"description": "Mine"}},
    "delete_webhook": lambda _cast, target: {"id": str(target.webhook)},
    "list_webhook_deliveries": lambda _cast, target: {"webhook_id": str(target.webhook)},
    "redeliver": lambda _cast, target: {"id": str(target.delivery)},
    "list_jobs": lambda _cast, _target: {},
    "retry_job": lambda _cast, target: {"id": str(target.cancelled_job)},
    "cancel_job": lambda _cast, target: {"id": str(target.waiting_job)},
}


def test_the_table_has_every_operation_of_the_openapi_document(tmp_path: Path) -> None:
    paths = create_app(make_settings(f"sqlite:///{tmp_path}/unused.db", tmp_path)).openapi()["paths"]
    operations = {operation["operationId"] for methods in paths.values() for operation in methods.values()}
    assert {case.partition("/")[0] for case in EXPECTED} == operations - STREAMS
    assert operations >= STREAMS
    assert set(EXPECTED) == set(CALLS)


@pytest.mark.parametrize("column", COLUMNS)
async def test_everybody_gets_the_code_in_the_table_and_who_is_refused_changes_nothing(
    door: Door, world: World, column: str
) -> None:
    cast = await make_cast(door.app, world, _caller(world, column))
    target = await make_target(door.app, cast)
    await check_column(door, cast, target, {case: codes[column] for case, codes in EXPECTED.items()})


async def check_column(door: Door, cast: Cast, target: Target, codes: Mapping[str, str]) -> None:
    """Let the caller try every case, and expect these codes, and a change where one was allowed and nowhere else."""
    fresh = await keep(door.app)
    answers: dict[str, str] = {}
    expected = {
        case: code for case, code in codes.items() if door.name == "rest" or case.partition("/")[0] not in REST_ONLY
    }
    for case in expected:
        answers[case] = await _answer(door, case, cast, target)
        now = await all_rows(door.app)
        changes = answers[case] == "OK" and not case.startswith(READING)
        assert (now != fresh.texts) == changes, f"{case} answered {answers[case]}"
        if changes:
            await put_back(door.app, fresh)
    assert answers == expected


def _caller(world: World, column: str) -> Any:
    return None if column == "anonymous" else getattr(world, "administrator" if column == "root" else column)


async def _answer(door: Door, case: str, cast: Cast, target: Target) -> str:
    token = cast.caller.token if cast.caller else None
    try:
        await door.call(case.partition("/")[0], token=token, **CALLS[case](cast, target))
    except DoorError as error:
        return error.code
    return "OK"
