"""Addresses that a bucket lets anybody read or write at for a while, because they are signed with its key.

It is Signature Version 4 in the query (AWS, "Authenticating Requests: Using Query Parameters"). The library that does
this for others is thirty megabytes, and holds back another one that we need; the tests compare with what it signs.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

from api.core.files.store import Bucket, Key, read_bucket

READING = timedelta(minutes=5)
"""So long a client has to begin with the reading."""

LONGEST = timedelta(days=7)
"""No signature counts for longer."""

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Credentials:
    """What a bucket knows its owner by."""

    key: str
    secret: str
    token: str | None = None
    """Of credentials that are lent for a while."""


def signer_of(url: str) -> "Signer":
    """Return what signs addresses of the bucket that a URL names.

    Raises:
        ValueError: it names no bucket, or no key is known for it.
    """
    bucket = read_bucket(url)
    if bucket.key is not None and bucket.secret is not None:
        return Signer(bucket, Credentials(bucket.key, bucket.secret))
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        raise ValueError(
            "it needs a key and its secret, in FILES_URL or as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    return Signer(bucket, Credentials(key, secret, os.environ.get("AWS_SESSION_TOKEN")))


class Signer:
    """Signs addresses of one bucket."""

    def __init__(self, bucket: Bucket, credentials: Credentials) -> None:
        self._credentials = credentials
        self._region = bucket.region or "us-east-1"
        self._bucket = bucket
        # A server of one's own seldom has a name for each bucket.
        if bucket.endpoint:
            self._base = f"{bucket.endpoint.rstrip('/')}/{quote(bucket.name, safe='')}"
        else:
            self._base = f"https://{bucket.name}.s3.{self._region}.amazonaws.com"

    def reading(self, key: Key, media_type: str, disposition: str, *, now: datetime | None = None) -> str:
        """Return where bytes can be read, as what they are, under the name that the `Content-Disposition` says."""
        told = {"response-content-disposition": disposition, "response-content-type": media_type}
        return self._signed("GET", key, READING, told, {}, now)

    def writing(self, key: Key, size: int, lifetime: timedelta, *, now: datetime | None = None) -> str:
        """Return where so many bytes can be written, no more and no fewer, as often as somebody likes until then."""
        return self._signed("PUT", key, lifetime, {}, {"content-length": str(size)}, now)

    def _signed(
        self,
        method: str,
        key: Key,
        lifetime: timedelta,
        told: Mapping[str, str],
        headers: Mapping[str, str],
        now: datetime | None,
    ) -> str:
        parts = urlsplit(f"{self._base}/{quote(self._bucket.path(key), safe='/')}")
        moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        signed = {**headers, "host": parts.netloc}
        names = ";".join(sorted(signed))
        query = {
            **told,
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self._credentials.key}/{scope}",
            "X-Amz-Date": moment,
            "X-Amz-Expires": str(int(min(lifetime, LONGEST).total_seconds())),
            "X-Amz-SignedHeaders": names,
            **({"X-Amz-Security-Token": self._credentials.token} if self._credentials.token else {}),
        }
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
        heads = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        request = f"{method}\n{parts.path}\n{text}\n{heads}\n{names}\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(request.encode()).hexdigest()
        seal = self._seal(moment[:8], f"{_ALGORITHM}\n{moment}\n{scope}\n{digest}")
        return f"{parts.scheme}://{parts.netloc}{parts.path}?{text}&X-Amz-Signature={seal}"

    def _seal(self, day: str, text: str) -> str:
        key = f"AWS4{self._credentials.secret}".encode()
        for part in (day, self._region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()
