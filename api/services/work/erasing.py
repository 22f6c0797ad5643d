"""The job that erases bytes of files, once the transaction that no longer needs them is committed."""

from uuid import UUID

from api.core.files.store import Key
from api.schemas.jobs import EraseBytes
from api.services.work.tools import Tools


async def erase_bytes(tools: Tools, _job_id: UUID, data: EraseBytes) -> None:
    """Erase what a workspace no longer has: some of its bytes, or all of a workspace that is gone.

    Done again, it finds nothing left. No id is ever used for other bytes.
    """
    if data.blob_ids is not None:
        await tools.store.delete([Key(data.workspace_id, blob_id) for blob_id in data.blob_ids])
        return
    # An upload may still be on its way there. It will find no workspace, and erase what it brought itself.
    async for page in tools.store.list(data.workspace_id):
        await tools.store.delete([stored.key for stored in page])
