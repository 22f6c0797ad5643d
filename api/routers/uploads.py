"""Uploads with a ticket: promised at either door, and brought here, all at once or by tus 1.0."""

from collections.abc import AsyncGenerator
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated

from fastapi import Depends, Header, Query, Request, Response, status
from pydantic import ValidationError

from api.carrying import BINARY, carried, headed
from api.core.errors import AppError, ErrorCode, from_pydantic
from api.core.files import tus
from api.core.files.names import clean
from api.dependencies import (
    Anyone,
    CurrentActor,
    Id,
    InstalledDatabase,
    InstalledFileRules,
    Write,
    WriteAnew,
    caller_of,
    header_of,
)
from api.problems import documented
from api.rest import CHANGING, CREATED, GUARDED, Responses, resource_router, tag_created
from api.schemas.files import Bytes, FilePlace, FileRead
from api.schemas.scalars import AsWhole
from api.schemas.uploads import TicketQuery, UploadCreate, UploadRead
from api.server.request_log import record_of
from api.services import bringing, upload_tickets
from api.services.bringing import Checksum
from api.services.upload_tickets import Bearer

router = resource_router("files")
carrier = resource_router("files", takes_json=False)
"""For what takes bytes, or nothing but headers."""

BEGIN = "/tus"
_SPOKEN = documented(ErrorCode.PRECONDITION_FAILED)
_STATE = headed("Upload-Offset", "Upload-Length", "Upload-Expires")
_NOTED: Responses = {204: {"description": "They are kept.", **headed("Upload-Offset", "Upload-Expires")}}


async def _bear(
    upload_id: Id,
    query: Annotated[TicketQuery, Query()],
    request: Request,
    actor: Anyone,
    database: InstalledDatabase,
    rules: InstalledFileRules,
) -> Bearer:
    """Find the upload, and by whose rights it is brought."""
    async with database.read(caller_of(request, actor)) as uow:
        bearer = await upload_tickets.bear(uow, actor, upload_id, query.ticket, rules=rules)
    record_of(request).actor = bearer.actor.label
    return bearer


Borne = Annotated[Bearer, Depends(_bear)]


def _speak_tus(request: Request) -> None:
    """Refuse a client that speaks another version of tus, or of which nobody knows what it speaks."""
    if request.headers.get(tus.RESUMABLE) != tus.VERSION:
        raise tus.other_version()


speaks_tus = Depends(_speak_tus)


@router.post("/uploads", status_code=status.HTTP_201_CREATED, responses=CHANGING | CREATED)
async def create_upload(
    data: UploadCreate,
    uow: WriteAnew,
    actor: CurrentActor,
    rules: InstalledFileRules,
    request: Request,
    response: Response,
) -> UploadRead:
    """Promise a file, for editors, and get the address to which its bytes are sent, without a token."""
    upload = await upload_tickets.create_upload(uow, actor, data, rules=rules)
    tag_created(request, response, "get_upload", id=upload.id)
    return upload


@router.get("/uploads/{id}", responses=GUARDED | {200: _STATE})
async def get_upload(borne: Borne, rules: InstalledFileRules, response: Response) -> UploadRead:
    """Return how far an upload of yours is, or one to which you have the ticket."""
    upload = borne.upload
    response.headers.update(_progress(upload.received, upload.expires_at))
    response.headers["Upload-Length"] = str(upload.size)
    # What is true now must not be told later (tus 1.0, "HEAD").
    response.headers["Cache-Control"] = "no-store"
    if upload.tus_metadata:
        response.headers["Upload-Metadata"] = upload.tus_metadata
    return upload_tickets.shown(upload, rules)


@router.post("/uploads/{id}/complete", responses=CHANGING)
async def complete_upload(
    upload_id: Id, actor: CurrentActor, database: InstalledDatabase, rules: InstalledFileRules
) -> FileRead:
    """Return the file that came of an upload of yours, once all its bytes are there."""
    return await bringing.complete_upload(database, actor, upload_id, rules=rules)


@router.delete("/uploads/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=CHANGING)
async def delete_upload(
    upload_id: Id, query: Annotated[TicketQuery, Query()], uow: Write, actor: Anyone, rules: InstalledFileRules
) -> None:
    """Give up an upload of yours, or one to which you have the ticket. A file that came of it stays."""
    await upload_tickets.delete_upload(uow, actor, upload_id, ticket=query.ticket, rules=rules)


@carrier.put(
    "/uploads/{id}",
    status_code=status.HTTP_201_CREATED,
    responses=CHANGING | CREATED,
    openapi_extra={"requestBody": {"required": True, "content": {"*/*": BINARY}}},
)
async def put_upload(
    borne: Borne, request: Request, database: InstalledDatabase, rules: InstalledFileRules, response: Response
) -> FileRead:
    """Send all bytes of an upload at once; the answer is the file."""
    announced = request.headers.get("content-length", "")
    async with carried(request, borne.actor) as chunks:
        file = await bringing.put_upload(
            database, borne, chunks, announced=int(announced) if announced.isdecimal() else None, rules=rules
        )
    tag_created(request, response, "get_file", id=file.id)
    return file


@carrier.patch(
    "/uploads/{id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=CHANGING | documented(ErrorCode.CHECKSUM_MISMATCH) | _SPOKEN | _NOTED,
    dependencies=[speaks_tus],
    openapi_extra={"requestBody": {"required": True, "content": {tus.OFFSET_TYPE: BINARY}}},
)
async def append_to_upload(
    borne: Borne,
    request: Request,
    database: InstalledDatabase,
    rules: InstalledFileRules,
    offset: Annotated[
        Bytes,
        Header(alias="Upload-Offset", description="How many bytes came before, as `get_upload` tells."),
        AsWhole,
    ],
    checksum: Annotated[
        str | None,
        Header(alias="Upload-Checksum", description="The algorithm, a blank, and the checksum of the body in base64."),
    ] = None,
) -> Response:
    """Send the next bytes of an upload by tus 1.0. What has come before a connection breaks is kept."""
    if header_of(request, "content-type") != tus.OFFSET_TYPE:
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"Send the bytes as {tus.OFFSET_TYPE}.")
    expected = None if checksum is None else Checksum(*tus.read_checksum(checksum))
    async with carried(request, borne.actor) as chunks:
        progress = await bringing.append_to_upload(
            database, borne, chunks, offset=offset, checksum=expected, rules=rules
        )
    return Response(status_code=status.HTTP_204_NO_CONTENT, headers=_progress(progress.offset, progress.expires_at))


@carrier.options(BEGIN, include_in_schema=False, status_code=status.HTTP_204_NO_CONTENT)
async def get_tus(rules: InstalledFileRules) -> Response:
    """Tell what of tus is spoken here."""
    told = {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": ",".join(tus.EXTENSIONS),
        "Tus-Max-Size": str(rules.max_size),
        "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
    }
    return Response(status_code=status.HTTP_204_NO_CONTENT, headers=told)


@carrier.post(
    BEGIN,
    status_code=status.HTTP_201_CREATED,
    responses=CHANGING | _SPOKEN | {201: headed("Location", "Upload-Expires")},
    dependencies=[speaks_tus],
)
async def begin_tus_upload(
    request: Request,
    actor: CurrentActor,
    database: InstalledDatabase,
    rules: InstalledFileRules,
    length: Annotated[Bytes, Header(alias="Upload-Length", description="How many bytes the file has."), AsWhole],
    metadata: Annotated[
        str | None,
        Header(
            alias="Upload-Metadata",
            max_length=tus.MAX_METADATA,
            description="Pairs of a key and a value in base64: `filename`, `filetype`, `sha256`, and where it belongs, "
            "as in the form of `upload_files`.",
        ),
    ] = None,
) -> Response:
    """Promise a file by tus 1.0, for editors. Its bytes are sent to `Location`, which needs no token."""
    data = _read_promise(length, metadata)
    async with database.write(caller_of(request, actor)) as uow:
        upload = await upload_tickets.create_upload(uow, actor, data, rules=rules, tus_metadata=metadata or "")
    if not length:
        # There is nothing to wait for.
        async with database.read(caller_of(request, actor)) as uow:
            bearer = await upload_tickets.bear(uow, actor, upload.id, None, rules=rules)
        await bringing.put_upload(database, bearer, _nothing(), announced=0, rules=rules)
    headers = {"Location": upload.url, **_progress(0, upload.expires_at)}
    return Response(status_code=status.HTTP_201_CREATED, headers=headers)


def _read_promise(size: int, metadata: str | None) -> UploadCreate:
    """Return what a client of tus promises; of keys that mean nothing here, nothing is made.

    Raises:
        AppError: VALIDATION_ERROR.
    """
    told = tus.read_metadata(metadata)
    values: dict[str, object] = {key: told[key] for key in (*FilePlace.model_fields, "sha256") if told.get(key)}
    values |= {"name": clean(told.get("filename") or told.get("name") or ""), "size": size}
    kind = told.get("filetype") or told.get("type")
    try:
        return UploadCreate.model_validate(values | ({"media_type": kind} if kind else {}))
    except ValidationError as error:
        raise from_pydantic(error.errors(include_url=False)) from error


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""


def _progress(offset: int, expires_at: datetime) -> dict[str, str]:
    return {"Upload-Offset": str(offset), "Upload-Expires": format_datetime(expires_at, usegmt=True)}
