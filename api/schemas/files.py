"""Files."""

import re
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import MISSING, AfterValidator, BaseModel, BeforeValidator, Field, ValidationInfo, field_validator

from api.core.files.names import problem_of
from api.core.files.rules import MAX_FILES
from api.core.files.thumbnails import SIZES, Fit
from api.schemas.pages import Listing, PageQuery
from api.schemas.scalars import OR_HOME, AsWhole, Switch, Uuid
from api.schemas.types import AtMost, Input, Moment, Output, Version, whole
from db.models.files import MAX_MEDIA_TYPE, MAX_NAME

_SUM = re.compile("[0-9a-f]{64}")

LINK_SECONDS, MAX_LINK_SECONDS = 3600, 7 * 86400
"""For how long a link counts, if nothing is said, and at most."""

SIZES_TEXT = f"{', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]}"

TRASHED = "List the trash instead."


class FileSort(StrEnum):
    """Orders of files; names are compared without regard to case."""

    CREATED_ASC = "created"
    CREATED_DESC = "-created"
    NAME_ASC = "name"
    NAME_DESC = "-name"
    SIZE_ASC = "size"
    SIZE_DESC = "-size"


def _check_name(value: str) -> str:
    if problem := problem_of(value):
        raise ValueError(problem)
    return value


def read_checksum(value: object) -> str:
    """Return a SHA-256 checksum as it is kept, in small letters.

    Raises:
        ValueError: it is none.
    """
    text = value.lower() if isinstance(value, str) else ""
    if not _SUM.fullmatch(text):
        raise ValueError("It must be a SHA-256 checksum: 64 hexadecimal digits")
    return text


FileName = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_check_name)]
Checksum = Annotated[str, Field(min_length=64, max_length=64), BeforeValidator(read_checksum)]
Bytes = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""A number of bytes, exact in JSON everywhere (RFC 8259, section 6)."""


class FilePlace(Input):
    """Where files belong: to a workspace, to one of its items, or to a message."""

    workspace_id: Annotated[
        Uuid | None, Field(description=f"Where; with `item_id` or `message_id` theirs, else {OR_HOME}.")
    ] = None
    item_id: Annotated[Uuid | None, Field(description="The item that they belong to.")] = None
    message_id: Annotated[Uuid | None, Field(description="Your message that they belong to.")] = None


class Arrival(BaseModel):
    """A file whose bytes have arrived: what no client says, but its bytes."""

    name: str
    size: Bytes
    sha256: Checksum
    media_type: str
    declared_media_type: str | None


class FilesCreate(BaseModel):
    """Files whose bytes have arrived, and where they belong."""

    place: FilePlace
    files: list[Arrival]


class FileUpdate(Input):
    """Changes to a file; what is absent stays. Its bytes never change."""

    example: ClassVar = {"name": "seeds-2026.txt"}

    name: Annotated[FileName | MISSING, Field(description=f"1 to {MAX_NAME} bytes in UTF-8, and no path.")] = MISSING


class DownloadLinkCreate(Input):
    """How long a link shall count."""

    example: ClassVar = {"expires_in": 86400}

    expires_in: Annotated[
        int,
        Field(ge=1, le=MAX_LINK_SECONDS, description="Seconds for which it counts: an hour if absent, a week at most."),
        BeforeValidator(whole),
    ] = LINK_SECONDS


class DownloadLink(Output):
    """A link with which anybody may read the bytes of one file."""

    url: Annotated[
        str, Field(description="Where they are, from the root of this server. Whoever has it needs no token.")
    ]
    expires_at: Annotated[Moment, Field(description="Until when it counts, as long as you may read the file.")]


class FileFilter(Input):
    """What files must fulfil; conditions add up."""

    item_id: Annotated[Uuid | None, Field(description="Of this item, those of its thread included.")] = None
    message_id: Annotated[Uuid | None, Field(description="Of this message.")] = None
    trashed: Annotated[Switch, Field(description=TRASHED)] = False


class OfItemQuery(PageQuery):
    """Which files of an item are wanted."""

    trashed: Annotated[Switch, Field(description=TRASHED)] = False
    sort: Annotated[FileSort, Field(description="The order; a minus sign turns it round.")] = FileSort.CREATED_DESC


class ContentQuery(BaseModel):
    """By what right bytes are asked for, if not by that of who calls."""

    link: Annotated[
        str | None, Field(max_length=2048, description="The link, as `url` of `create_download_link` has it.")
    ] = None


def check_size(value: int) -> int:
    """Return the size of a thumbnail.

    Raises:
        ValueError: there is none of that size.
    """
    if value not in SIZES:
        raise ValueError(f"It must be {SIZES_TEXT}")
    return value


ThumbnailSize = Annotated[
    int, Field(ge=SIZES[0], le=SIZES[-1], json_schema_extra={"enum": list(SIZES)}), AfterValidator(check_size)
]
DEFAULT_SIZE = SIZES[1]


class ThumbnailQuery(BaseModel):
    """Which thumbnail is wanted, and by what right if not by that of who calls."""

    w: Annotated[
        ThumbnailSize,
        Field(description=f"Most pixels across: {SIZES_TEXT}."),
        AsWhole,
    ] = DEFAULT_SIZE
    h: Annotated[
        ThumbnailSize | None,
        Field(description="Most pixels down: as many as across."),
        AsWhole,
    ] = None
    fit: Annotated[Fit, Field(description="The whole picture, or a square out of its middle.")] = Fit.CONTAIN
    link: Annotated[
        str | None, Field(max_length=2048, description="The link, as `thumbnailUrl` of GraphQL has it.")
    ] = None

    @field_validator("h")
    @classmethod
    def _is_as_wide(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value not in (None, info.data.get("w", value)):
            raise ValueError("It must be the same as w")
        return value


class FileQuery(FileFilter, PageQuery):
    """Which files are wanted."""

    workspace_id: Annotated[
        Uuid | None, Field(description=f"Where; with `item_id` or `message_id` theirs, else {OR_HOME}.")
    ] = None

    sort: Annotated[FileSort, Field(description="The order; a minus sign turns it round.")] = FileSort.CREATED_DESC


class FileRead(Output):
    """A file. Its bytes are at `/api/files/{id}/content`."""

    id: Annotated[UUID, Field(description="The file's id.")]
    workspace_id: Annotated[UUID, Field(description="Where it is.")]
    item_id: Annotated[
        UUID | None, Field(description="The item that it belongs to, or in whose thread its message is.")
    ]
    message_id: Annotated[UUID | None, Field(description="The message that it belongs to.")]
    owner_id: Annotated[UUID, Field(description="Who uploaded it.")]
    name: Annotated[str, Field(max_length=MAX_NAME, description="What it is called; never a path.")]
    size: Annotated[Bytes, Field(description="How many bytes it has.")]
    media_type: Annotated[
        str, Field(max_length=MAX_MEDIA_TYPE, description="What it is, found by its bytes; it is sent as this.")
    ]
    declared_media_type: Annotated[
        str | None, Field(max_length=MAX_MEDIA_TYPE, description="What the client said that it is.")
    ]
    sha256: Annotated[
        str, Field(min_length=64, max_length=64, description="The SHA-256 checksum of its bytes, in hexadecimal.")
    ]
    version: Annotated[Version, Field(description="Rises with each change; see `If-Match` and `expectedVersion`.")]
    created_at: Annotated[Moment, Field(description="When it was uploaded.")]
    updated_at: Annotated[Moment, Field(description="When it last changed.")]
    deleted_at: Annotated[Moment | None, Field(description="When it was moved to the trash.")]


class FileList(Listing[FileRead]):
    """One page of files."""


class UploadedFiles(Output):
    """What was uploaded."""

    data: Annotated[list[FileRead], AtMost(MAX_FILES), Field(description="The files, in the order of the form.")]
