"""The program that makes thumbnails: a picture comes in, small ones go out. It knows nothing of Twofold, and ends soon.

Pictures come from anybody, and what reads them is made for speed: so it happens here, in a process that has no secrets,
little memory and little time, and that may be killed at any moment.
"""

import io
import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress

from PIL import Image, ImageCms, ImageOps

MAX_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 50_000_000
"""As many as the best cameras take; as bytes of colour they are 200 MB."""

SECONDS = 20
"""Of computing."""

MEMORY_BYTES = 1024**3
SIZES = (1024, 256, 64)
"""Pixels of the longer side of a whole picture, and of both sides of a square out of its middle; from each the next."""

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
QUALITY = 80
_PLAIN = ("L", "LA", "RGB", "RGBA", "CMYK")
_UNUSABLE = 3


def main() -> int:
    """Read a picture from standard input, and write a line of JSON, then the thumbnails that it lists."""
    _limit_this_process()
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        made = [] if len(data) > MAX_BYTES else list(_thumbnails(_read(data)))
    except (OSError, ValueError, SyntaxError, MemoryError, Warning, Image.DecompressionBombError):
        # What Pillow says of what is broken, too large, or no picture.
        made = []
    if not made:
        return _UNUSABLE
    listed = [{"fit": fit, "size": size, "width": w, "height": h, "length": len(b)} for fit, size, (w, h), b in made]
    sys.stdout.buffer.write(json.dumps(listed).encode() + b"\n" + b"".join(content for *_, content in made))
    return 0


def _limit_this_process() -> None:
    # Of a picture with more pixels the library warns, before it reads any.
    warnings.simplefilter("error")
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with suppress(ImportError, ValueError, OSError):
        # Not on every system: there the parent's clock has to do.
        import resource  # noqa: PLC0415 - see above

        for limit, most in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CPU, SECONDS),
            (resource.RLIMIT_AS, MEMORY_BYTES),
        ):
            resource.setrlimit(limit, (most, most))


def _read(data: bytes) -> Image.Image:
    """Return a picture as it is meant to be seen: upright, in the colours of the web, and of frames the first."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        # JPEG can be read smaller than it is, in a fraction of the time.
        picture.draft("RGB", (SIZES[0], SIZES[0]))
        picture.load()
        smaller: Image.Image = picture if picture.mode in _PLAIN else picture.convert("RGBA")
        # Quick, and before anything that needs a copy: the memory is short.
        smaller = smaller.reduce(max(1, min(smaller.size) // (2 * SIZES[0])))
        smaller.info = picture.info
    profile = smaller.info.get("icc_profile")
    upright = ImageOps.exif_transpose(smaller)
    upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    if profile:
        with suppress(ImageCms.PyCMSError, OSError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            ImageCms.profileToProfile(upright, source, ImageCms.createProfile("sRGB"), inPlace=True)
    # Only the pixels: what else a picture tells, where it was taken for one, stays behind.
    return Image.frombytes(upright.mode, upright.size, upright.tobytes())


def _thumbnails(picture: Image.Image) -> Iterator[tuple[str, int, tuple[int, int], bytes]]:
    """Yield how each fits, its size, its measures and its bytes; none is larger than the picture."""
    whole, square = picture, ImageOps.fit(picture, (min(picture.size),) * 2)
    for size in SIZES:
        whole, square = whole.copy(), square.copy()
        whole.thumbnail((size, size), Image.Resampling.LANCZOS)
        square.thumbnail((size, size), Image.Resampling.LANCZOS)
        for fit, small in (("contain", whole), ("cover", square)):
            content = io.BytesIO()
            small.save(content, "WEBP", quality=QUALITY)
            yield fit, size, small.size, content.getvalue()


if __name__ == "__main__":
    sys.exit(main())
