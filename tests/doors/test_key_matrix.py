"""What an API key may do, operation by operation: its user with less, and nothing about accounts."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from db.models import KeyAccess
from tests.doors.door import Door
from tests.doors.keys import make_key
from tests.doors.people import World
from tests.doors.targets import Cast, Target, make_cast, make_target
from tests.doors.test_matrix import CODES, EXPECTED, check_column

# The keys of an admin of the workspace: one that reads, one that writes, one that writes in this workspace alone,
# one that writes in another one alone; and one that writes, of an administrator of accounts who is no member.
TABLE = """
operation                read  write  here  away  root
get_health               ok    ok     ok    ok    ok
get_ready                ok    ok     ok    ok    ok
login                    no    no     no    no    no
complete_login           no    no     no    no    no
begin_oidc_sign_in       no    no     no    no    no
complete_oidc_sign_in    no    no     no    no    no
begin_two_step           no    no     no    no    no
enable_two_step          no    no     no    no    no
disable_two_step         no    no     no    no    no
renew_recovery_codes     no    no     no    no    no
reset_two_step           no    no     no    no    no
reset_two_step/own       no    no     no    no    no
refresh_session          no    no     no    no    no
logout                   no    no     no    no    no
list_sessions            no    no     no    no    no
revoke_session           no    no     no    no    no
revoke_session/own       no    no     no    no    no
revoke_all_sessions      no    no     no    no    no
create_api_key           no    no     no    no    no
create_api_key/here      no    no     no    no    no
list_api_keys            no    no     no    no    no
revoke_api_key           no    no     no    no    no
revoke_api_key/own       no    no     no    no    no
list_security_events     no    no     no    no    no
create_user              no    no     no    no    no
create_user/root         no    no     no    no    no
get_me                   ok    ok     ok    ok    ok
update_me                no    no     no    no    no
list_users               no    no     no    no    no
get_user                 none  none   none  none  none
get_user/colleague       ok    ok     ok    none  none
get_user/own             ok    ok     ok    ok    ok
get_account              no    no     no    no    no
get_account/own          ok    ok     ok    ok    ok
update_user              no    no     no    no    no
update_user/own          no    no     no    no    no
delete_user              no    no     no    no    no
delete_user/own          no    no     no    no    no
list_workspaces          ok    ok     ok    ok    ok
create_workspace         no    ok     no    no    ok
get_workspace            ok    ok     ok    none  none
update_workspace         no    ok     ok    none  none
delete_workspace         no    ok     ok    none  none
list_members             ok    ok     ok    none  none
add_member               no    ok     ok    none  none
update_member            no    ok     ok    none  none
update_member/own        no    ok     ok    none  none
remove_member            no    ok     ok    none  none
remove_member/own        no    ok     ok    none  none
invite_member            no    ok     ok    none  none
list_invitations         ok    ok     ok    none  none
list_invitations/own     no    no     no    no    no
accept_invitation        no    no     no    no    no
accept_invitation/token  no    no     no    no    no
accept_invitation/own    no    no     no    no    no
decline_invitation       no    no     no    no    no
decline_invitation/token  no   no     no    no    no
decline_invitation/own   no    no     no    no    no
revoke_invitation        no    ok     ok    none  none
revoke_invitation/own    no    none   none  none  none
list_items               ok    ok     ok    none  none
list_items/personal      ok    ok     ok    ok    ok
create_item              no    ok     ok    none  none
create_item/personal     no    ok     ok    ok    ok
get_item                 ok    ok     ok    none  none
update_item              no    ok     ok    none  none
delete_item              no    ok     ok    none  none
delete_item/permanent    no    ok     ok    none  none
restore_item             no    ok     ok    none  none
list_messages            ok    ok     ok    none  none
list_messages/thread     ok    ok     ok    none  none
create_message           no    ok     ok    none  none
create_message/thread    no    ok     ok    none  none
get_message              ok    ok     ok    none  none
update_message           no    no     no    none  none
update_message/own       no    ok     ok    none  none
delete_message           no    ok     ok    none  none
delete_message/own       no    ok     ok    none  none
get_file                 ok    ok     ok    none  none
get_file_content         ok    ok     ok    none  none
get_thumbnail            ok    ok     ok    none  none
create_download_link     ok    ok     ok    none  none
create_upload            no    ok     ok    none  none
create_upload/personal   no    ok     ok    ok    ok
create_upload/item       no    ok     ok    none  none
create_upload/message    no    no     no    none  none
create_upload/own        no    ok     ok    none  none
get_upload               none  none   none  none  none
get_upload/own           ok    ok     ok    none  none
complete_upload          none  none   none  none  none
complete_upload/own      ok    ok     ok    none  none
delete_upload            none  none   none  none  none
delete_upload/own        no    ok     ok    none  none
put_upload               none  none   none  none  none
put_upload/own           no    ok     ok    none  none
append_to_upload         none  none   none  none  none
append_to_upload/own     no    ok     ok    none  none
begin_tus_upload         no    ok     ok    ok    ok
begin_tus_upload/item    no    ok     ok    none  none
list_files               ok    ok     ok    none  none
list_files/personal      ok    ok     ok    ok    ok
list_files/item          ok    ok     ok    none  none
list_files/message       ok    ok     ok    none  none
list_item_files          ok    ok     ok    none  none
upload_files             no    ok     ok    none  none
upload_files/personal    no    ok     ok    ok    ok
upload_files/item        no    ok     ok    none  none
upload_files/message     no    no     no    none  none
upload_files/own         no    ok     ok    none  none
update_file              no    ok     ok    none  none
update_file/message      no    ok     ok    none  none
update_file/own          no    ok     ok    none  none
delete_file              no    ok     ok    none  none
delete_file/message      no    ok     ok    none  none
delete_file/own          no    ok     ok    none  none
delete_file/permanent    no    ok     ok    none  none
restore_file             no    ok     ok    none  none
list_changes             ok    ok     ok    none  none
list_my_changes          no    no     no    no    no
create_stream_ticket     no    no     no    no    no
create_stream_ticket/own  no   no     no    no    no
request_email_verification  no  no    no    no    no
verify_email             no    no     no    no    no
request_password_reset   no    no     no    no    no
reset_password           no    no     no    no    no
change_email             no    no     no    no    no
list_webhooks            ok    ok     ok    none  none
create_webhook           no    ok     ok    none  none
create_webhook/personal  no    ok     ok    ok    ok
get_webhook              ok    ok     ok    none  none
update_webhook           no    ok     ok    none  none
delete_webhook           no    ok     ok    none  none
list_webhook_deliveries  ok    ok     ok    none  none
redeliver                no    ok     ok    none  none
list_jobs                no    no     no    no    no
retry_job                no    no     no    no    no
cancel_job               no    no     no    no    no
"""

HEADER, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
COLUMNS = HEADER[1:]
WITH_A_KEY = {case: dict(zip(COLUMNS, (CODES[word] for word in words), strict=True)) for case, *words in ROWS}


def test_the_table_has_every_case_of_the_matrix() -> None:
    assert set(WITH_A_KEY) == set(EXPECTED)


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_key_gets_the_code_in_the_table_and_changes_nothing_where_it_is_refused(
    door: Door, world: World, column: str
) -> None:
    owner = world.administrator if column == "root" else world.admin
    cast = await make_cast(door.app, world, owner)
    target = await make_target(door.app, cast)
    cast = replace(cast, caller=replace(owner, token=await _key(door.app, column, cast, target)))
    await check_column(door, cast, target, {case: codes[column] for case, codes in WITH_A_KEY.items()})


async def _key(app: FastAPI, column: str, cast: Cast, target: Target) -> str:
    owner: Any = cast.caller
    access = KeyAccess.READ if column == "read" else KeyAccess.WRITE
    workspace = {"here": target.workspace, "away": owner.home}.get(column)
    return (await make_key(app, owner, access, workspace)).key
