"""Uploads: files that were promised, whose bytes come apart from their names."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from api.schemas.files import Bytes, Checksum, FileName, FilePlace
from api.schemas.types import AtMost, Moment, Output, whole
from db.models.files import MAX_MEDIA_TYPE, MAX_NAME

PUT = "PUT"


class FileStatus(StrEnum):
    """Whether a file is there."""

    PENDING = "pending"
    READY = "ready"


def read_media_type(value: str) -> str:
    """Return what a client calls bytes, without parameters and in small letters.

    Raises:
        ValueError: it cannot be a media type.
    """
    kind = value.partition(";")[0].strip().lower()
    if "/" not in kind or len(kind) > MAX_MEDIA_TYPE or not kind.isascii() or not kind.isprintable():
        raise ValueError("It must be a media type such as image/png")
    return kind


class UploadCreate(FilePlace):
    """A file whose bytes will come."""

    example: ClassVar = {"name": "seeds.txt", "size": 14}

    name: Annotated[FileName, Field(description=f"What it is called: 1 to {MAX_NAME} bytes in UTF-8, and no path.")]
    size: Annotated[
        Bytes, Field(description="How many bytes it has; neither more nor less are taken."), BeforeValidator(whole)
    ]
    media_type: Annotated[
        str | None,
        Field(max_length=1000, description="What you say that it is; what it is will be found by its bytes."),
        AfterValidator(lambda value: value if value is None else read_media_type(value)),
    ] = None
    sha256: Annotated[
        Checksum | None, Field(description="The SHA-256 checksum of its bytes in hexadecimal; others are refused.")
    ] = None


class UploadHeader(Output):
    """A header of the request that brings the bytes."""

    name: Annotated[str, Field(description="Its name.")]
    value: Annotated[str, Field(description="Its value.")]


class PendingFile(Output):
    """The file that comes of an upload."""

    id: Annotated[UUID, Field(description="The file's id, which is the upload's.")]
    status: Annotated[FileStatus, Field(description="Whether it is there.")]


class UploadRead(Output):
    """An upload: where the bytes of a file are to be sent, and how many have arrived."""

    id: Annotated[UUID, Field(description="The upload's id, which its file will have.")]
    url: Annotated[
        str,
        Field(
            description="Where the bytes are sent, from the root of this server or at its bucket. Whoever has it needs "
            "no token."
        ),
    ]
    method: Annotated[
        Literal["PUT"], Field(description="How all of them are sent at once; here `url` takes tus 1.0, too.")
    ]
    headers: Annotated[list[UploadHeader], AtMost(10), Field(description="What the request says beside them.")]
    size: Annotated[Bytes, Field(description="How many bytes it has.")]
    received: Annotated[Bytes, Field(description="How many have come, behind which tus goes on.")]
    expires_at: Annotated[Moment, Field(description="Until when bytes are taken; parts that arrive prolong it.")]
    file: Annotated[PendingFile, Field(description="What comes of it.")]


class TicketQuery(BaseModel):
    """By what right an upload is asked for, if not by that of who calls."""

    ticket: Annotated[
        str | None, Field(max_length=2048, description="The ticket, as `url` of `create_upload` has it.")
    ] = None
