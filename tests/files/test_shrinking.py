"""The process that makes thumbnails: what it makes of good pictures, of bad ones, and when it is not to be trusted."""

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from api.core.files import shrink, thumbnails
from api.core.files.store import StoreError
from api.core.files.thumbnails import PictureError, Shrinker, is_picture
from tests.files.pictures import SECRET, bomb, colour, opened, picture, told

NAMES = [f"{fit}-{size}" for size in (1024, 256, 64) for fit in ("contain", "cover")]


async def pieces(content: bytes, size: int = 100_000) -> AsyncGenerator[bytes, None]:
    """Yield bytes a few at a time."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def shrunk(content: bytes) -> dict[str, Image.Image]:
    """Return the thumbnails of a picture."""
    made = await Shrinker().shrink(pieces(content))
    found = {}
    for name, part in made.parts.items():
        bytes_of_it = made.content[part.start : part.start + part.length]
        image = opened(bytes_of_it)
        assert (image.format, image.size) == ("WEBP", (part.width, part.height))
        found[name] = image
    assert list(found) == NAMES
    return found


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
async def test_each_kind_is_made_small_and_never_larger(kind: str) -> None:
    found = await shrunk(picture(kind))
    assert [image.size for image in found.values()] == [
        (400, 200),
        (200, 200),
        (256, 128),
        (200, 200),
        (64, 32),
        (64, 64),
    ]
    for image in found.values():
        assert (colour(image, 0.1, 0.5), colour(image, 0.9, 0.5)) == ("red", "blue")


async def test_a_large_one_is_made_as_small_as_is_asked() -> None:
    found = await shrunk(picture("JPEG", 5000, 3000))
    assert [image.size for image in found.values()] == [
        (1024, 614),
        (1024, 1024),
        (256, 154),
        (256, 256),
        (64, 39),
        (64, 64),
    ]


@pytest.mark.parametrize(("width", "height"), [(400, 200), (5000, 2500)])
async def test_it_is_upright_and_does_not_tell_where_it_was_taken(width: int, height: int) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        colours = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        content = picture(kind, width, height, exif=told(orientation=6), comment=SECRET, icc_profile=colours)
        assert SECRET.encode() in content
        found = await shrunk(content)
        image = found["contain-64"]
        # Held to the right: what was left is above.
        assert image.size == (32, 64)
        assert (colour(image, 0.5, 0.1), colour(image, 0.5, 0.9)) == ("red", "blue")
        for one in found.values():
            assert not one.getexif()
            assert set(one.info) <= {"loop", "background", "timestamp", "duration"}
        made = await Shrinker().shrink(pieces(content))
        assert SECRET.encode() not in made.content
        assert b"EXIF" not in made.content.upper()


async def test_as_many_pixels_as_may_be_are_not_too_many() -> None:
    assert (await shrunk(bomb(7000, 7000)))["contain-1024"].size == (1024, 1024)


async def test_what_shines_through_does_so_still() -> None:
    image = Image.new("RGBA", (100, 100), (1, 2, 3, 0))
    image.paste((1, 2, 3, 255), (0, 0, 50, 100))
    small = (await shrunk(_bytes(image)))["contain-64"]
    assert [small.getpixel((x, 30))[3] for x in (5, 60)] == [255, 0]  # type: ignore[index]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16"])
async def test_pictures_without_colours_are_pictures(mode: str) -> None:
    assert (await shrunk(_bytes(Image.new(mode, (30, 20)))))["cover-64"].size == (20, 20)


def _bytes(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


JPEG = picture("JPEG", 2000, 1000)
BAD = {
    "nothing": b"",
    "noise": os.urandom(5000),
    "half of one": JPEG[: len(JPEG) // 2],
    "the beginning of one": JPEG[:20],
    "one whose end is lost": picture("PNG")[:-40],
    "too many pixels": bomb(100_000, 100_000),
    "a few too many": bomb(7100, 7100),
    "too many of them in one line": bomb(2_000_000_000, 1),
    "fewer than it says": bomb(6000, 40_000),
    "text": b"GIF89a" + b"x" * 1000,
    "a page": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "another kind": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "more bytes than are read": JPEG + bytes(64 * 1024 * 1024),
}


@pytest.mark.parametrize("what", BAD)
async def test_of_what_is_broken_or_too_large_there_are_none(what: str) -> None:
    with pytest.raises(PictureError):
        await Shrinker().shrink(pieces(BAD[what]))


def test_what_is_no_picture_is_not_even_tried() -> None:
    assert is_picture("image/png", 1)
    for media_type, size in (("image/svg+xml", 1), ("text/plain", 1), ("image/png", 0), ("image/png", 2**30)):
        assert not is_picture(media_type, size)


LISTED = [
    {"fit": fit, "size": size, "width": 1, "height": 1, "length": 1}
    for size in (64, 256, 1024)
    for fit in ("contain", "cover")
]


def say(text: str, content: str = "") -> str:
    """Return a program that says this."""
    return f"import sys; sys.stdin.buffer.read(); sys.stdout.write({text!r} + chr(10) + {content!r})"


PROGRAMS = {
    "says nothing": "",
    "ends badly": "import sys; sys.exit(1)",
    "ends badly after all": say(json.dumps(LISTED), "abcdef") + "; sys.exit(1)",
    "is killed": "import os; os.kill(os.getpid(), 9)",
    "babbles": "while True: print('x' * 10_000)",
    "is no JSON": say("[{]"),
    "is no list": say("{}"),
    "lists nothing": say("[]"),
    "lists too few": say(json.dumps(LISTED[1:]), "xxxxx"),
    "lists some twice": say(json.dumps([*LISTED[1:], LISTED[1]]), "xxxxxx"),
    "lists more than it says": say(json.dumps(LISTED), "xxxxx"),
    "says more than it lists": say(json.dumps(LISTED), "xxxxxxx"),
    "measures nothing": say(json.dumps([*LISTED[1:], {**LISTED[0], "width": 0}]), "xxxxxx"),
    "measures too much": say(json.dumps([*LISTED[1:], {**LISTED[0], "width": 10**9}]), "xxxxxx"),
    "goes backwards": say(json.dumps([{**LISTED[0], "length": -5}, *LISTED[1:]]), ""),
}


@pytest.mark.parametrize("what", PROGRAMS)
async def test_a_process_that_was_taken_over_is_not_believed(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAMS[what])
    monkeypatch.setattr(thumbnails, "_PROGRAM", program)
    # It is not the clock that ends it.
    monkeypatch.setattr(thumbnails, "SECONDS", 10**6)
    async with asyncio.timeout(60):
        with pytest.raises(PictureError):
            await Shrinker().shrink(pieces(JPEG))


async def test_one_that_says_what_it_should_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program.py"
    program.write_text(say(json.dumps(LISTED), "abcdef"))
    monkeypatch.setattr(thumbnails, "_PROGRAM", program)
    made = await Shrinker().shrink(pieces(JPEG))
    assert (made.content, made.parts["cover-1024"].start) == (b"abcdef", 5)


async def test_one_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, pid = tmp_path / "program.py", tmp_path / "pid"
    program.write_text(f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    monkeypatch.setattr(thumbnails, "_PROGRAM", program)
    monkeypatch.setattr(thumbnails, "SECONDS", 2)
    with pytest.raises(PictureError):
        await Shrinker().shrink(pieces(JPEG))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


async def test_it_knows_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "a secret")
    program, told_by_it = tmp_path / "program.py", tmp_path / "told"
    program.write_text(f"import os; open({str(told_by_it)!r}, 'w').write(os.getcwd() + ' ' + ' '.join(os.environ))")
    monkeypatch.setattr(thumbnails, "_PROGRAM", program)
    with pytest.raises(PictureError):
        await Shrinker().shrink(pieces(JPEG))
    # What Python itself sets to have UTF-8 is no secret.
    assert told_by_it.read_text().removesuffix("LC_CTYPE").strip() == "/"


def test_it_has_little_of_everything() -> None:
    names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_CORE")
    program = (
        "import resource, shrink; shrink._limit_this_process(); "
        f"print([resource.getrlimit(getattr(resource, name))[1] for name in {names}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(shrink.__file__).parent, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[1073741824, 20, 0, 0]\n"


async def test_a_store_that_fails_is_told_of() -> None:
    async def failing() -> AsyncGenerator[bytes, None]:
        yield JPEG[:100]
        raise StoreError("The store of files does not answer.", "gone")

    with pytest.raises(StoreError):
        await Shrinker().shrink(failing())
