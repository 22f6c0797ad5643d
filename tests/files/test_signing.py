"""Signed addresses of a bucket: as the makers of S3 sign them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest

from api.core.files.signing import Credentials, Signer, signer_of
from api.core.files.store import Bucket, Key
from tests.files.s3.server import s3_python

KEY = Key(UUID(int=1), UUID(int=2))
BOTOCORE = """
import json, sys
from botocore.config import Config
from botocore.session import Session
for case in json.load(sys.stdin):
    style = "path" if case["endpoint"] else "virtual"
    client = Session().create_client(
        "s3", region_name=case["region"], endpoint_url=case["endpoint"], aws_access_key_id="key",
        aws_secret_access_key="s/cret", aws_session_token=case["token"],
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )
    print(client.generate_presigned_url(case["operation"], Params=case["params"], ExpiresIn=case["seconds"]))
"""


@pytest.mark.parametrize("endpoint", ["https://store.example:9000", "http://10.0.0.1", None])
@pytest.mark.parametrize("prefix", [None, "a b/ä+~"])
@pytest.mark.parametrize("token", [None, "t/k=n"])
async def test_addresses_are_signed_as_the_makers_of_s3_do_it(
    endpoint: str | None, prefix: str | None, token: str | None
) -> None:
    bucket = Bucket("gar-den", prefix, endpoint, "eu-central-1", None, None)
    disposition = "attachment; filename=\"_ _.pdf\"; filename*=UTF-8''%C3%A4%20%E2%82%AC.pdf"
    place = {"Bucket": bucket.name, "Key": bucket.path(KEY)}
    told = {"ResponseContentType": "text/plain; charset=utf-8", "ResponseContentDisposition": disposition}
    common = {"endpoint": endpoint, "region": bucket.region, "token": token}
    cases = [
        {**common, "operation": "get_object", "params": place | told, "seconds": 300},
        {**common, "operation": "put_object", "params": place | {"ContentLength": 14}, "seconds": 86400},
    ]
    process = await asyncio.create_subprocess_exec(
        str(await s3_python()), "-c", BOTOCORE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={}
    )
    output, _ = await process.communicate(json.dumps(cases).encode())
    reading, writing = output.decode().split()

    signer = Signer(bucket, Credentials("key", "s/cret", token))
    ours = [
        signer.reading(KEY, told["ResponseContentType"], disposition, now=_moment(reading)),
        signer.writing(KEY, 14, timedelta(days=1), now=_moment(writing)),
    ]

    for mine, theirs in zip(ours, (reading, writing), strict=True):
        assert mine.partition("?")[0] == theirs.partition("?")[0]
        assert dict(parse_qsl(urlsplit(mine).query)) == dict(parse_qsl(urlsplit(theirs).query))


def _moment(url: str) -> datetime:
    told = dict(parse_qsl(urlsplit(url).query))["X-Amz-Date"]
    return datetime.strptime(told, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def test_no_signature_counts_for_longer_than_the_makers_let_it() -> None:
    signer = signer_of("s3://key:secret@garden")
    assert "X-Amz-Expires=604800&" in signer.writing(KEY, 1, timedelta(days=30))


def test_keys_come_from_the_address_or_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="needs a key and its secret"):
        signer_of("s3://garden")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "lent")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    url = signer_of("s3://garden").reading(KEY, "a/b", "inline")
    assert "X-Amz-Credential=lent%2F" in url
    assert "X-Amz-Security-Token=token&" in url
    own = signer_of("s3://own:secret@garden").reading(KEY, "a/b", "inline")
    assert "X-Amz-Credential=own%2F" in own
    assert "Security-Token" not in own
