"""Uploads with a ticket, whose bytes go over HTTP."""

from typing import Annotated

import strawberry

from api.schemas import uploads as schemas
from api.schemas.files import FileRead
from api.services import bringing, upload_tickets
from graphql_schema.door.context import Info
from graphql_schema.files import File
from graphql_schema.from_pydantic import ModelInput, from_input, from_output
from graphql_schema.scalars import BigInt
from graphql_schema.types import INPUT, Deleted, Id


@from_output(schemas.UploadHeader)
class UploadHeader:
    """A header of the request that brings the bytes."""


@from_output(schemas.PendingFile)
class PendingFile:
    """The file that comes of an upload."""


@from_output(
    schemas.UploadRead,
    types={"size": BigInt, "received": BigInt, "method": str, "headers": list[UploadHeader], "file": PendingFile},
)
class Upload:
    """An upload: where the bytes of a file are to be sent, and how many have arrived."""


@from_input(schemas.UploadCreate, types={"size": BigInt})
class UploadCreate(ModelInput[schemas.UploadCreate]):
    """A file whose bytes will come."""


@strawberry.type
class UploadQuery:
    """Reading uploads."""

    @strawberry.field(description="An upload of yours, and how far it is.", graphql_type=Upload)
    async def upload(self, info: Info, id: Id) -> schemas.UploadRead:
        """Return an upload."""
        async with info.context.read() as uow:
            return await upload_tickets.get_upload(uow, info.context.actor, id, rules=info.context.file_rules)


@strawberry.type
class UploadMutation:
    """Promising files."""

    @strawberry.mutation(
        description="Promise a file, for editors, and get the address to which its bytes are sent, without a token.",
        graphql_type=Upload,
    )
    async def create_upload(self, info: Info, input: Annotated[UploadCreate, INPUT]) -> schemas.UploadRead:
        """Promise a file."""
        data, rules = input.to_model(), info.context.file_rules
        async with info.context.write() as uow:
            return await upload_tickets.create_upload(uow, info.context.actor, data, rules=rules)

    @strawberry.mutation(
        description="Get the file that came of an upload of yours, once all its bytes are there.", graphql_type=File
    )
    async def complete_upload(self, info: Info, id: Id) -> FileRead:
        """Return the file."""
        context = info.context
        return await bringing.complete_upload(context.database, context.actor, id, rules=context.file_rules)

    @strawberry.mutation(description="Give up an upload of yours. A file that came of it stays.")
    async def delete_upload(self, info: Info, id: Id) -> Deleted:
        """Give up an upload."""
        async with info.context.write() as uow:
            await upload_tickets.delete_upload(uow, info.context.actor, id, rules=info.context.file_rules)
        return Deleted(deleted_id=strawberry.ID(str(id)))
