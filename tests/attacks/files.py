"""Hostile uploads: forms that are none, names that lead elsewhere, bytes that call themselves something else."""

from collections.abc import Iterator

from tests.attacks.bodies import NOBODYS_ID
from tests.attacks.documents import Attack
from tests.attacks.requests import Request, rest

BOUNDARY = b"x"
END = b"--x--\r\n"

ODD_NAMES = (
    b"",
    b"..",
    b"../../../../etc/passwd",
    b"..\\..\\windows\\win.ini",
    b"a\x00.txt",
    b"\xff\xfe",
    b"\xe2\x80\xaegpj.exe",
    b"a" * 4096,
    b"a" * 16_000,
    b'"; filename="b',
    b"%00",
    b"CON",
    b"\xed\xa0\x80",
    b"a\rb",
)

ODD_BYTES = (
    b"",
    b"<script>alert(1)</script>",
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"GIF89a/*<html>*/",
    b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\x0dIHDR\xff\xff\xff\xff\xff\xff\xff\xff",
    b"PK\x03\x04" * 100_000,
    b"%PDF-" + b"\x00" * 100_000,
    b" " * 1_000_000,
    b"\xff\xd8" * 100_000,
    b"{" * 100_000,
    b"\r\n--x" * 100_000,
)

ODD_FORMS = (
    b"",
    b"--x",
    END,
    b"\r\n" * 100_000,
    b"--x\r\n" * 50_000,
    b"--x\r\n" + b"a: b\r\n" * 50_000,
    b"--x\r\n" + b"a" * 500_000,
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + b"-" * 500_000,
    b'--x\r\nContent-Disposition: form-data; name="files"; ' + b"a=b; " * 3000 + b"\r\n\r\nx\r\n" + END,
    b'--x\r\nContent-Disposition: form-data; name="sha256"\r\n\r\n' + b"0" * 500_000,
    b"--x\r\nContent-Disposition: form-data; name*=utf-8''files; filename*=utf-8''%00%ff\r\n\r\nx\r\n" + END,
)

ODD_TYPES = (
    b"",
    b"multipart/form-data",
    b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=" + b"x" * 10_000,
    b"multipart/mixed; boundary=x",
    b'multipart/form-data; boundary="x; charset=\xff',
    b"\xff",
)


ODD_WORDS = ("", "tfl_", "tfu_", "A" * 116, "tfu_" + "A" * 64, "tfl_" + "%00" * 500, "%FF", "x" * 9_000)
"""What is no link and no ticket."""

ODD_NUMBERS = (b"", b"-1", b"1e9", b"9" * 5_000, b"9223372036854775807", b"0x10", b"\xd9\xa1", b"1_0")

ODD_METADATA = (
    b",",
    b"," * 8_000,
    b"filename " + b"A" * 8_001,
    b"filename AAAA,filename AAAA",
    b"filename //79",
    b"\xff\xfe",
    b"item_id AAAA,sha256 AAAA,filetype AAAA",
    b"filename Li4vLi4vAA==",
    b"__proto__ YQ==,constructor YQ==",
    b",".join(b"k%d YQ==" % n for n in range(900)),
)

TUS: dict[str, bytes] = {
    "Tus-Resumable": b"1.0.0",
    "Upload-Offset": b"0",
    "Content-Type": b"application/offset+octet-stream",
}


def part(content: bytes, filename: bytes = b"a", name: bytes = b"files") -> bytes:
    """Return a part with a file."""
    head = b'--x\r\nContent-Disposition: form-data; name="' + name + b'"; filename="' + filename + b'"\r\n\r\n'
    return head + content + b"\r\n"


def form(body: bytes, kind: bytes = b"multipart/form-data; boundary=x", *, signed_in: bool = True) -> Request:
    """Return an upload."""
    return Request("POST", "/api/files", body, {"Content-Type": kind}, signed_in=signed_in)


def attacks() -> Iterator[Attack]:
    """Go through all of them."""
    yield "names of files", [form(part(b"x", name) + END) for name in ODD_NAMES]
    yield "bytes of files", [form(part(content) + END) for content in ODD_BYTES]
    yield (
        "forms of files",
        [
            *(form(body) for body in ODD_FORMS),
            *(form(part(b"x") + END, kind) for kind in ODD_TYPES),
            form(part(b"") * 10_000 + END),
            form(part(b"x" * 1_000_000), signed_in=False),
        ],
    )
    yield (
        "files of others",
        [
            rest("GET", f"/files/{NOBODYS_ID}/content"),
            Request("GET", f"/api/files/{NOBODYS_ID}/content", headers={"Range": b"bytes=" + b"0-0," * 5_000}),
            Request("GET", f"/api/files/{NOBODYS_ID}/content", headers={"If-Match": b'"' * 20_000}),
            rest("GET", f"/items/{NOBODYS_ID}/files"),
            rest("GET", f"/files?message_id={NOBODYS_ID}&sort=-size"),
            rest("PATCH", f"/files/{NOBODYS_ID}", {"name": "\ud800"}),
            rest("PATCH", f"/files/{NOBODYS_ID}", {"name": "../" * 10_000}),
        ],
    )
    yield (
        "links and tickets",
        [
            *(Request("GET", f"/api/files/{NOBODYS_ID}/content?link={text}", signed_in=False) for text in ODD_WORDS),
            *(
                Request(method, f"/api/uploads/{NOBODYS_ID}?ticket={text}", b"x" * 100_000, TUS, signed_in=False)
                for text in ODD_WORDS
                for method in ("GET", "PUT", "PATCH", "DELETE")
            ),
            Request("POST", f"/api/uploads/{NOBODYS_ID}", b"x", TUS | {"X-HTTP-Method-Override": b"CONNECT\xff"}),
            Request("POST", f"/api/uploads/{NOBODYS_ID}", b"x", TUS | {"X-HTTP-Method-Override": b"patch"}),
            Request("OPTIONS", "/api/tus", b"x" * 100_000, signed_in=False),
        ],
    )
    yield (
        "promises of files",
        [
            *(Request("POST", "/api/tus", b"", TUS | {"Upload-Length": size}) for size in ODD_NUMBERS),
            *(
                Request("POST", "/api/tus", b"", TUS | {"Upload-Length": b"3", "Upload-Metadata": told})
                for told in ODD_METADATA
            ),
            *(Request("PATCH", f"/api/uploads/{NOBODYS_ID}", b"x", TUS | {"Upload-Offset": at}) for at in ODD_NUMBERS),
            *(
                Request("PATCH", f"/api/uploads/{NOBODYS_ID}", b"x", TUS | {"Upload-Checksum": told})
                for told in (b"", b"sha1", b"sha1 \xff", b"shake_128 AAAA", b"sha1 " + b"A" * 30_000, b"../sha1 AAAA")
            ),
            *(
                rest("POST", "/uploads", {"name": "a", "size": 1, "media_type": "a/" * 400 + str(n)})
                for n in range(120)
            ),
            *(rest("POST", "/uploads", {"name": name.decode("latin-1"), "size": 2**53}) for name in ODD_NAMES),
        ],
    )
