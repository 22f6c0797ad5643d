"""Pictures for the tests, good ones and bad ones."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

ORIENTATION, GPS, DESCRIPTION = 0x0112, 0x8825, 0x010E
RED, BLUE = (220, 20, 20), (20, 20, 220)
SECRET = "the garden behind the house"


def picture(kind: str = "PNG", width: int = 400, height: int = 200, **more: Any) -> bytes:
    """Return a picture whose left half is red, and whose right half is blue."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width // 2, height))
    content = io.BytesIO()
    image.save(content, kind, **more)
    return content.getvalue()


def told(orientation: int = 1) -> Image.Exif:
    """Return what a camera tells beside the pixels: how it was held, where, and what is seen."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[DESCRIPTION] = SECRET
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return exif


def opened(content: bytes) -> Image.Image:
    """Return a picture as a browser would show it."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def colour(image: Image.Image, x: float, y: float) -> str:
    """Return which of the two colours is at a place, in parts of the width and the height."""
    red, _, blue = image.convert("RGB").getpixel((int(x * image.width), int(y * image.height)))  # type: ignore[misc]
    return "red" if red > blue else "blue"


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of so many pixels in few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(20_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
