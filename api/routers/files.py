"""Files: their bytes come and go here, at the REST door alone."""

from contextlib import aclosing
from typing import Annotated, Any

from fastapi import Query, Request, Response, status

from api.carrying import BINARY, carried, headed, send_in_turn
from api.core.errors import ErrorCode
from api.core.files.multipart import MEDIA_TYPE, parts
from api.core.files.rules import MAX_FILES
from api.core.files.thumbnails import MEDIA_TYPE as MEDIA_TYPE_OF_THUMBNAILS
from api.dependencies import (
    Anyone,
    CurrentActor,
    ExpectedVersion,
    Id,
    IdempotencyKey,
    InstalledDatabase,
    InstalledFileRules,
    Read,
    Write,
    caller_of,
    page_of,
)
from api.problems import documented
from api.rest import CHANGING, GUARDED, TAGGED, VERSIONED, Responses, listing, resource_router, tag_version
from api.schemas.files import (
    ContentQuery,
    DownloadLink,
    DownloadLinkCreate,
    FileList,
    FilePlace,
    FileQuery,
    FileRead,
    FileUpdate,
    OfItemQuery,
    ThumbnailQuery,
    UploadedFiles,
)
from api.schemas.scalars import Switch
from api.server.content import ContentResponse, answer_with, answer_with_thumbnail
from api.server.head import is_head
from api.services import file_links, files, thumbnails, uploads
from api.services.uploads import FormUpload

router = resource_router("files")
forms = resource_router("files", takes_json=False)

_PART = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_FILES,
    "items": {"type": "string", "contentMediaType": "application/octet-stream"},
    "description": "The files, each a part with a file name. They are taken while they arrive.",
}
_CHECKSUM = {
    "type": "string",
    "minLength": 64,
    "maxLength": 64,
    "description": "The SHA-256 checksum, in hexadecimal, of the file that follows, which must have it.",
}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "description": "Fields come before the files.",
                    "required": [uploads.FILES],
                    "properties": {
                        **{
                            name: {"type": "string", "format": "uuid", "description": field.description}
                            for name, field in FilePlace.model_fields.items()
                        },
                        "sha256": _CHECKSUM,
                        uploads.FILES: _PART,
                    },
                }
            }
        },
    }
}

# The tag of a file's bytes is not the version of its row.
_TAG = {"ETag": "Content-ETag"}
_SENT = ("Last-Modified", "Accept-Ranges", "Content-Disposition")


_CONTENT: Responses = {
    200: {"description": "All of its bytes.", "content": {"*/*": BINARY}, **headed(*_SENT, **_TAG)},
    206: {"description": "Some of its bytes.", "content": {"*/*": BINARY}, **headed(*_SENT, "Content-Range", **_TAG)},
    304: {"description": "You have it already.", **headed("Last-Modified", "Accept-Ranges", **_TAG)},
    307: {"description": "They are in the bucket, at an address that counts for minutes.", **headed("Location")},
    **documented(
        ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND, ErrorCode.PRECONDITION_FAILED, ErrorCode.RANGE_NOT_SATISFIABLE
    ),
}


_THUMBNAIL: Responses = {
    200: {
        "description": "The small picture.",
        "content": {MEDIA_TYPE_OF_THUMBNAILS: BINARY},
        **headed("Last-Modified", **_TAG),
    },
    304: {"description": "You have it already.", **headed("Last-Modified", **_TAG)},
    **documented(ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND),
}


_ASKED: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in (
            ("Range", "Which bytes are wanted, such as `bytes=0-99`; several ranges come as `multipart/byteranges`."),
            ("If-Range", "The `ETag` of the bytes that you have; of others you get all, not the range."),
            ("If-None-Match", "The `ETag` of the bytes that you have, which you get no more then."),
        )
    ]
}


@forms.post("/files", status_code=status.HTTP_201_CREATED, responses=CHANGING, openapi_extra=_FORM)
async def upload_files(
    request: Request,
    actor: CurrentActor,
    database: InstalledDatabase,
    rules: InstalledFileRules,
    idempotency_key: IdempotencyKey,
) -> UploadedFiles:
    """Upload files, for editors: all of them are kept, or none. Fields come before the files."""
    announced = request.headers.get("content-length", "")
    rules.check_length(int(announced) if announced.isdecimal() else None)
    async with carried(request, actor) as body:
        form = parts(body, request.headers.get("content-type"), max_files=rules.max_files)
        async with aclosing(form):
            upload = FormUpload(caller_of(request, actor), form, idempotency_key)
            return await uploads.upload_files(database, actor, upload, rules=rules)


@router.get("/files", responses=GUARDED)
async def list_files(
    query: Annotated[FileQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> FileList:
    """List the files of a message, of an item with its thread, or else of a whole workspace."""
    page = await files.list_files(uow, actor, query.workspace_id, query, sort=query.sort, page=page_of(query))
    return await listing(FileList, FileRead, page, request)


@router.get("/items/{id}/files", responses=GUARDED)
async def list_item_files(
    item_id: Id, query: Annotated[OfItemQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> FileList:
    """List the files of an item and its thread."""
    page = await files.list_item_files(uow, actor, item_id, trashed=query.trashed, sort=query.sort, page=page_of(query))
    return await listing(FileList, FileRead, page, request)


@router.get("/files/{id}", responses=GUARDED | TAGGED)
async def get_file(file_id: Id, uow: Read, actor: CurrentActor, response: Response) -> FileRead:
    """Return a file, in the trash or not; not its bytes."""
    file = await files.get_file(uow, actor, file_id)
    tag_version(response, file)
    return FileRead.model_validate(file)


@router.get("/files/{id}/content", responses=_CONTENT, response_class=ContentResponse, openapi_extra=_ASKED)
async def get_file_content(
    file_id: Id,
    query: Annotated[ContentQuery, Query()],
    uow: Read,
    actor: Anyone,
    rules: InstalledFileRules,
    request: Request,
) -> Response:
    """Return the bytes of a file, or those that `Range` asks for; `ETag` is their checksum.

    Without a token it takes a link. Where clients read the bucket themselves, it sends them there.
    """
    if query.link is None:
        content = await files.get_file_content(uow, actor, file_id)
    else:
        content = await file_links.get_linked_content(uow, query.link, file_id, links=rules.links)
    # The store may be slow, and holds no connection to the database meanwhile.
    await uow.session.release()
    # An address is signed for one method.
    signer = None if is_head(request.scope) else rules.signer
    answer = await answer_with(content, request.headers, rules.store, signer=signer)
    return send_in_turn(request, actor, answer) if isinstance(answer, ContentResponse) else answer


@router.get("/files/{id}/thumbnail", responses=_THUMBNAIL, response_class=ContentResponse)
async def get_thumbnail(
    file_id: Id,
    query: Annotated[ThumbnailQuery, Query()],
    uow: Read,
    actor: Anyone,
    rules: InstalledFileRules,
    request: Request,
) -> Response:
    """Return a small picture of a picture, upright and without what it tells of where it was taken.

    Without a token it takes a link. Of a picture that has just come it is waited for, a few seconds.
    """
    found = await thumbnails.get_thumbnail(uow, actor, file_id, query.fit, query.w, link=query.link, rules=rules)
    await uow.session.release()
    answer = answer_with_thumbnail(found, request.headers, rules.store, by_link=query.link is not None)
    return send_in_turn(request, actor, answer) if isinstance(answer, ContentResponse) else answer


@router.post("/files/{id}/download-link", responses=CHANGING)
async def create_download_link(
    file_id: Id, data: DownloadLinkCreate, uow: Read, actor: CurrentActor, rules: InstalledFileRules
) -> DownloadLink:
    """Get a link with which anybody reads the bytes of a file for a while, as long as you may."""
    return await file_links.create_download_link(uow, actor, file_id, data, rules=rules)


@router.patch("/files/{id}", responses=VERSIONED | TAGGED)
async def update_file(
    file_id: Id, data: FileUpdate, uow: Write, actor: CurrentActor, expected: ExpectedVersion, response: Response
) -> FileRead:
    """Change what a file is called, for editors; that of a message for who uploaded it and admins."""
    file = await files.update_file(uow, actor, file_id, data, expected_version=expected)
    tag_version(response, file)
    return FileRead.model_validate(file)


@router.delete("/files/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=VERSIONED)
async def delete_file(
    file_id: Id,
    uow: Write,
    actor: CurrentActor,
    expected: ExpectedVersion,
    *,
    permanent: Annotated[Switch, Query(description="For good, with its bytes; for admins.")] = False,
) -> None:
    """Move a file to the trash, for editors; that of a message for who uploaded it and admins."""
    await files.delete_file(uow, actor, file_id, permanent=permanent, expected_version=expected)


@router.post("/files/{id}/restore", responses=CHANGING | TAGGED)
async def restore_file(file_id: Id, uow: Write, actor: CurrentActor, response: Response) -> FileRead:
    """Take a file out of the trash, for editors; that of a message for who uploaded it and admins."""
    file = await files.restore_file(uow, actor, file_id)
    tag_version(response, file)
    return FileRead.model_validate(file)
