"""A real S3 server on a port of 127.0.0.1: OpenStack Swift, or nanio where Swift cannot run.

Swift is the stricter of the two (signatures, conditional requests), but it keeps metadata in
extended attributes of files, which not every temporary folder has.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stacks import nanio, swift
from stacks.children import stop, wait_until


class S3:
    """One server with one empty bucket in a temporary folder; `begin`, then `end`."""

    bucket = "lathe"
    region = "us-east-1"

    def __init__(self, *, use_swift: bool | None = None, within: Path | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lathe-s3-", dir=within))
        self._servers: list[subprocess.Popen[bytes]] = []
        self.swift = swift.swift_can_run(self._folder) if use_swift is None else use_swift
        server = swift if self.swift else nanio
        self.key, self.secret, self.endpoint = server.USER, server.SECRET, ""

    @property
    def url(self) -> str:
        """As a person would write it in LATHE_OBJECTS_URL; the keys have their own settings."""
        return self.under("lathe")

    def under(self, prefix: str) -> str:
        """The same for a part of the bucket that is one test's own."""
        query = urlencode({"endpoint": self.endpoint, "region": self.region})
        return f"s3://{self.bucket}/{prefix}?{query}"

    def begin(self) -> None:
        """Start the server and make the bucket; returns when both are done."""
        log = self._folder / "log"
        starts = swift.start_swift if self.swift else nanio.start_nanio
        self._servers, self.endpoint = starts(self._folder, log)
        wait_until(self._has_bucket, self._servers[-1], log)

    def client(self) -> Any:
        """boto3's S3 client with the right keys."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            config=Config(
                s3={"addressing_style": "path"}, retries={"max_attempts": 0}, read_timeout=20
            ),
        )

    def names(self, prefix: str = "lathe") -> list[str]:
        """The keys below this prefix; an unfinished upload is not among them."""
        listed = self.client().list_objects_v2(Bucket=self.bucket, Prefix=f"{prefix}/")
        return [each["Key"] for each in listed.get("Contents", [])]

    def unfinished(self, prefix: str) -> list[str]:
        """The keys below it of multipart uploads that were neither completed nor aborted."""
        listed = self.client().list_multipart_uploads(Bucket=self.bucket)
        keys = [each["Key"] for each in listed.get("Uploads", [])]
        return [key for key in keys if key.startswith(f"{prefix}/")]

    def end(self) -> None:
        """Stop the server and remove everything it stored."""
        stop(self._servers)
        shutil.rmtree(self._folder)

    def _has_bucket(self) -> bool:
        try:
            self.client().create_bucket(Bucket=self.bucket)
        except (BotoCoreError, ClientError):
            return False
        return True
