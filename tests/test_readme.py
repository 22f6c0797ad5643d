"""The README is true: its requests run, its program runs, its table of settings is complete."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from api.config import Settings
from api.core.attempts import RULES, Limited
from api.setting_types import check_rate
from tests.live import LiveServer, serve

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str, *, about: str = "") -> list[str]:
    return [block for block in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if about in block]


async def run_shell(script: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_the_requests_work_on_a_new_installation(sqlite_url: str, tmp_path: Path) -> None:
    async with serve(sqlite_url, tmp_path) as server:
        output = await run_shell("\n".join(blocks("sh")).replace("http://127.0.0.1:8000", server.url))

    assert output.count('"title":"Buy seeds"') == 3
    assert '"totalCount":1' in output
    assert '"owner":{"name":"Ada"}' in output


async def test_the_python_program_works(live_server: LiveServer) -> None:
    async with httpx.AsyncClient(base_url=live_server.url) as client:
        credentials = {"email": live_server.admin_email, "password": live_server.admin_password}
        token = (await client.post("/api/auth/login", json=credentials)).json()["access_token"]
        await client.post("/api/items", json={"title": "Dig"}, headers={"Authorization": f"Bearer {token}"})
    program: dict[str, Any] = {}
    exec(blocks("python")[0], program)  # noqa: S102 - it is our own text
    read_items: Callable[[str, str], Awaitable[list[str]]] = program["read_items"]

    assert (await read_items(live_server.url, token))[0] == "Dig"


def test_the_table_of_settings_is_complete() -> None:
    def shown(value: object) -> str:
        if value is None:
            return "not set"
        if value == []:
            return "none"
        return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"

    expected = [
        f"| `{name.upper()}` | {shown(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    table = README.split("## Settings")[1].split("##")[0]
    assert [line for line in table.splitlines() if line.startswith("| `")] == expected


def test_the_table_of_limits_is_that_of_the_code() -> None:
    assert set(RULES) == set(Limited)
    expected = [f"| {rule.what} | {rule.by} | `{rule.setting.upper()}` |" for rule in RULES.values()]
    table = README.split("| what | counted by | how often |")[1].split("\n\n")[0]
    assert table.splitlines()[2:] == expected
    # Whatever is a rate is in the table, and the other way round.
    rates = {name for name, field in Settings.model_fields.items() if check_rate in _validators(field)}
    assert rates == {rule.setting for rule in RULES.values()}


def _validators(field: FieldInfo) -> list[object]:
    return [mark.func for mark in field.metadata if isinstance(mark, AfterValidator)]


def test_the_map_names_files_that_exist() -> None:
    text = README.split("## Map")[1].split("##")[0]
    names = set(re.findall(r"[a-z_]+\.(?:py|graphql|json)", text))
    present = {path.name for folder in ("api", "db", "graphql_schema", "tests") for path in (ROOT / folder).rglob("*")}
    assert names - present - {"openapi.json"} == set()
