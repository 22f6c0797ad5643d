"""The examples in the documentation work as they stand, for whoever may call the operation."""

from typing import Any

import httpx
from fastapi import FastAPI


def bodies(app: FastAPI) -> dict[str, Any]:
    """Return the example of each operation that takes a body."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    found = {}
    for methods in document["paths"].values():
        for operation in methods.values():
            # A form of files has no example that could be sent as it stands.
            if "application/json" in operation.get("requestBody", {"content": ()})["content"]:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                (found[operation["operationId"]],) = schemas[schema["$ref"].rpartition("/")[2]]["examples"]
    return found


async def test_every_example_is_accepted(app: FastAPI, client: httpx.AsyncClient) -> None:
    examples = bodies(app)

    async def send(operation: str, method: str, path: str) -> Any:
        answer = await client.request(method, path, json=examples.pop(operation))
        assert answer.is_success, (operation, answer.text)
        return answer.json()

    user = await send("create_user", "POST", "/api/users")
    token = (await send("login", "POST", "/api/auth/login"))["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    grace = {**bodies(app)["create_user"], "email": bodies(app)["add_member"]["email"]}
    friend = (await client.post("/api/users", json=grace)).json()
    # By her address she is found by whom she shares a workspace with.
    home = f"/api/workspaces/{user['personal_workspace_id']}/members"
    assert (await client.post(home, json={"user_id": friend["id"]})).is_success

    await send("update_me", "PATCH", "/api/users/me")
    item = await send("create_item", "POST", "/api/items")
    await send("update_item", "PATCH", f"/api/items/{item['id']}")
    message = await send("create_message", "POST", "/api/messages")
    await send("update_message", "PATCH", f"/api/messages/{message['id']}")
    [file] = (await client.post("/api/files", files={"files": b"Sow in March."})).json()["data"]
    await send("update_file", "PATCH", f"/api/files/{file['id']}")
    link = (await send("create_download_link", "POST", f"/api/files/{file['id']}/download-link"))["url"]
    assert (await client.get(link)).text == "Sow in March."
    upload = await send("create_upload", "POST", "/api/uploads")
    assert (await client.put(upload["url"], content=b"Sow in March.\n")).is_success
    workspace = f"/api/workspaces/{(await send('create_workspace', 'POST', '/api/workspaces'))['id']}"
    await send("update_workspace", "PATCH", workspace)
    assert (await send("invite_member", "POST", f"{workspace}/invitations"))["email"] == "grace@example.com"
    member = await send("add_member", "POST", f"{workspace}/members")
    assert (await send("update_member", "PATCH", f"{workspace}/members/{member['user_id']}"))["role"] == "viewer"
    await send("begin_two_step", "POST", "/api/auth/two-step")
    await send("request_password_reset", "POST", "/api/auth/request-password-reset")
    await send("change_email", "POST", "/api/auth/change-email")
    await send("create_api_key", "POST", "/api/auth/api-keys")
    webhook = await send("create_webhook", "POST", "/api/webhooks")
    await send("update_webhook", "PATCH", f"/api/webhooks/{webhook['id']}")
    ticket = (await send("create_stream_ticket", "POST", "/api/auth/stream-ticket"))["ticket"]
    # It is a ticket for the personal workspace, whose log ends before this number.
    stream = f"/api/workspaces/{user['personal_workspace_id']}/changes/stream"
    del client.headers["Authorization"]
    refused = await client.get(stream, params={"ticket": ticket, "after": 99})
    assert refused.json()["error"]["code"] == "BAD_REQUEST"
    # Of administrators alone, or with tokens that nobody could foresee.
    assert set(examples) == {
        "update_user",
        "refresh_session",
        "verify_email",
        "reset_password",
        "accept_invitation",
        "decline_invitation",
        "complete_login",
        "begin_oidc_sign_in",
        "complete_oidc_sign_in",
        "enable_two_step",
        "disable_two_step",
        "renew_recovery_codes",
    }
