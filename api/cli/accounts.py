"""`twofold reset-two-step`: for accounts that nobody else can help."""

from typing import Annotated

import typer
from rich.console import Console

from api.config import Settings, load_settings
from api.core.account_names import account_name
from api.core.actor import SYSTEM
from api.server.startup import prepare_database, run_with_database
from api.services import two_step as service
from db.engine import Database

RESET_HELP = (
    "Switch two-step sign-in off for an account, such as that of the only administrator, who lost app and codes."
)

out = Console(highlight=False)


def reset_two_step_command(email: Annotated[str, typer.Argument(help="The e-mail address of the account.")]) -> None:
    """Let the password alone be enough; sessions go on, and the security log is told."""

    async def work(settings: Settings, database: Database) -> None:
        await prepare_database(settings, database)
        async with database.write() as uow:
            user = await service.reset_two_step_of(uow, SYSTEM, account_name(email))
        out.print(f"{user.email} signs in with the password alone now.", markup=False)

    run_with_database(load_settings(), work)
