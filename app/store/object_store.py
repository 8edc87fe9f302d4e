"""From a URL to the library's store: a folder or an S3 bucket."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from obstore.store import LocalStore, S3Store

if TYPE_CHECKING:  # the library has this name for type checkers only
    from obstore.store import S3Config

_RETRIES = 4
_RETRY_FOR_AT_MOST = timedelta(seconds=20)


def object_store(
    url: str, *, access_key_id: str | None = None, secret_access_key: str | None = None
) -> LocalStore | S3Store:
    """The store that `url` names; a missing folder is made, a missing bucket is not.

    `file:///absolute/folder` or `s3://bucket/prefix?endpoint=...&region=...`. Without keys
    the usual AWS chain (environment, instance role) is asked; without an endpoint, AWS.
    Raises ValueError for any other URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc or parts.query or not parts.path.startswith("/"):
            raise ValueError("an object folder is written file:///absolute/path")
        return LocalStore(prefix=Path(unquote(parts.path)), mkdir=True)
    if parts.scheme == "s3" and parts.netloc:
        return _bucket(parts, access_key_id, secret_access_key)
    raise ValueError("the object store URL must be file:///folder or s3://bucket/prefix?...")


def _bucket(parts: SplitResult, key_id: str | None, secret: str | None) -> S3Store:
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = query.keys() - {"endpoint", "region"}
    if unknown:
        raise ValueError(f"the object store URL takes endpoint and region, not {unknown}")
    if (key_id is None) != (secret is None):
        raise ValueError("an S3 access key needs both its id and its secret")
    endpoint = query.get("endpoint")
    config: S3Config = {}
    if endpoint:
        config["endpoint"] = endpoint
    if key_id and secret:
        config |= {"access_key_id": key_id, "secret_access_key": secret}
    return S3Store(
        parts.netloc,
        config=config,
        prefix=unquote(parts.path).strip("/") or None,
        region=query.get("region", "us-east-1"),
        virtual_hosted_style_request=endpoint is None,
        client_options={"allow_http": endpoint is not None and endpoint.startswith("http://")},
        retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRY_FOR_AT_MOST},
    )
