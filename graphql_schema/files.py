"""Files, but for their bytes, which come and go over HTTP."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from api.core.files.thumbnails import Fit
from api.schemas import files as schemas
from api.schemas.files import DEFAULT_SIZE, SIZES_TEXT, FileSort
from api.services import file_links, files, items, messages, thumbnails, users, workspaces
from db.models import File as FileRow
from db.models import Item as ItemRow
from db.models import Message as MessageRow
from db.models import User as UserRow
from db.models import Workspace as WorkspaceRow
from db.paging import Page
from graphql_schema.connections import After, Before, Connection, First, Last, page_arguments
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output, model_or
from graphql_schema.nodes import Node
from graphql_schema.scalars import BigInt
from graphql_schema.types import INPUT, ORDER, PERSONAL, WHERE, Deleted, ExpectedVersion, Id, WorkspaceId

if TYPE_CHECKING:
    from graphql_schema.items import Item
    from graphql_schema.messages import Message
    from graphql_schema.users import User
    from graphql_schema.workspaces import Workspace

LazyItem = Annotated["Item", strawberry.lazy("graphql_schema.items")]
LazyMessage = Annotated["Message", strawberry.lazy("graphql_schema.messages")]
LazyUser = Annotated["User", strawberry.lazy("graphql_schema.users")]
LazyWorkspace = Annotated["Workspace", strawberry.lazy("graphql_schema.workspaces")]


MAX_ADDRESS = 300
"""Letters of the address of a thumbnail, at most."""


@from_output(schemas.FileRead, types={"size": BigInt})
class File(Node):
    """What somebody uploaded. Its bytes are at `/api/files/{id}/content`."""

    @strawberry.field(description="Where it is.", graphql_type=LazyWorkspace)
    async def workspace(self, root: strawberry.Parent[FileRow], info: Info) -> WorkspaceRow | None:
        """Return the workspaces of all files of this level."""
        return await info.context.batched(workspaces.get_workspaces, root.workspace_id)

    @strawberry.field(
        description="The item that it belongs to, or in whose thread its message is.", graphql_type=LazyItem | None
    )
    async def item(self, root: strawberry.Parent[FileRow], info: Info) -> ItemRow | None:
        """Return the items of all files of this level."""
        return await info.context.batched(items.get_items, root.item_id) if root.item_id else None

    @strawberry.field(description="The message that it belongs to.", graphql_type=LazyMessage | None)
    async def message(self, root: strawberry.Parent[FileRow], info: Info) -> MessageRow | None:
        """Return the messages of all files of this level."""
        return await info.context.batched(messages.get_messages, root.message_id) if root.message_id else None

    @strawberry.field(
        description="Where a small picture of it is, from the root of this server; null of what is no picture. Whoever "
        "has the address needs no token, for one to two hours; it is the same within an hour.",
        metadata={**PERSONAL, "letters": MAX_ADDRESS},
    )
    def thumbnail_url(
        self,
        root: strawberry.Parent[FileRow],
        info: Info,
        size: Annotated[
            int, strawberry.argument(description=f"Most pixels on each side: {SIZES_TEXT}.")
        ] = DEFAULT_SIZE,
        fit: Annotated[
            Fit, strawberry.argument(description="The whole picture, or a square out of its middle.")
        ] = Fit.CONTAIN,
    ) -> str | None:
        """Return the address of a thumbnail."""
        return thumbnails.thumbnail_url(info.context.actor, root, fit, size, rules=info.context.file_rules)

    @strawberry.field(description="Who uploaded it.", graphql_type=LazyUser)
    async def owner(self, root: strawberry.Parent[FileRow], info: Info) -> UserRow | None:
        """Return the owners of all files of this level."""
        return await info.context.batched(users.get_users, root.owner_id)


@from_input(schemas.FileUpdate)
class FileUpdate(ModelInput[schemas.FileUpdate]):
    """Changes to a file; what is absent stays. Its bytes never change."""


@from_output(schemas.DownloadLink)
class DownloadLink:
    """A link with which anybody may read the bytes of one file."""


@from_input(schemas.DownloadLinkCreate)
class DownloadLinkCreate(ModelInput[schemas.DownloadLinkCreate]):
    """How long a link shall count."""


@from_input(schemas.FileFilter)
class FileFilter(ModelInput[schemas.FileFilter]):
    """What files must fulfil; conditions add up."""


@strawberry.type
class FileQuery:
    """Reading files."""

    @strawberry.field(description="A file, in the trash or not.", graphql_type=File)
    async def file(self, info: Info, id: Id) -> FileRow:
        """Return a file."""
        async with info.context.read() as uow:
            return await files.get_file(uow, info.context.actor, id)

    @strawberry.field(
        description="Files of a message, of an item with its thread, or else of a whole workspace.",
        graphql_type=Connection[File],
    )
    async def files(
        self,
        info: Info,
        workspace_id: WorkspaceId = None,
        filter: Annotated[FileFilter | None, WHERE] = None,
        sort: Annotated[FileSort, ORDER] = FileSort.CREATED_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[FileRow]:
        """Return one page of files."""
        page = page_arguments(info, first, after, last, before)
        where = model_or(filter, schemas.FileFilter)
        async with info.context.read() as uow:
            return await files.list_files(uow, info.context.actor, workspace_id, where, sort=sort, page=page)


@strawberry.type
class FileMutation:
    """Changing files."""

    @strawberry.mutation(
        description="Get a link with which anybody reads the bytes of a file for a while, as long as you may."
    )
    async def create_download_link(
        self, info: Info, id: Id, input: Annotated[DownloadLinkCreate, INPUT]
    ) -> DownloadLink:
        """Get a link."""
        data, rules = input.to_model(), info.context.file_rules
        async with info.context.read() as uow:
            link = await file_links.create_download_link(uow, info.context.actor, id, data, rules=rules)
        return DownloadLink(**link.model_dump())

    @strawberry.mutation(
        description="Change what a file is called, for editors; that of a message for who uploaded it and admins.",
        graphql_type=File,
    )
    async def update_file(
        self, info: Info, id: Id, input: Annotated[FileUpdate, INPUT], expected_version: ExpectedVersion = None
    ) -> FileRow:
        """Change a file."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await files.update_file(uow, info.context.actor, id, data, expected_version=expected_version)

    @strawberry.mutation(
        description="Move a file to the trash, for editors; that of a message for who uploaded it and admins."
    )
    async def delete_file(
        self,
        info: Info,
        id: Id,
        expected_version: ExpectedVersion = None,
        permanent: Annotated[bool, strawberry.argument(description="For good, with its bytes; for admins.")] = False,
    ) -> Deleted:
        """Delete a file."""
        async with info.context.write() as uow:
            await files.delete_file(uow, info.context.actor, id, permanent=permanent, expected_version=expected_version)
        return Deleted(deleted_id=strawberry.ID(str(id)))

    @strawberry.mutation(
        description="Take a file out of the trash, for editors; that of a message for who uploaded it and admins.",
        graphql_type=File,
    )
    async def restore_file(self, info: Info, id: Id) -> FileRow:
        """Restore a file."""
        async with info.context.write() as uow:
            return await files.restore_file(uow, info.context.actor, id)
