"""From a URL to the library's store: a folder or an S3 bucket."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from obstore.store import LocalStore, S3Store

if TYPE_CHECKING:  # the library has this name for type checkers only
    from obstore.store import S3Config

TIMEOUT_S = 8.0  # of one request: a window or part of 8 MiB, so at least 1 MiB/s
_RETRIES = 4
_RETRY_WITHIN = 0.5  # of the timeout: what answers is asked again, what is silent is not
_CONNECT_WITHIN = 0.4  # of the timeout


def object_store(
    url: str,
    *,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> LocalStore | S3Store:
    """The store that `url` names; a missing folder is made, a missing bucket is not.

    `file:///absolute/folder` or `s3://bucket/prefix?endpoint=...&region=...`. Without keys
    the usual AWS chain (environment, instance role) is asked; without an endpoint, AWS.
    A bucket that is silent for `timeout_s` has failed; one that answers 5xx or refuses the
    connection is asked again a few times within half of it. Raises ValueError for any other
    URL, and OSError for a folder that cannot be made.
    """
    parts = checked_url(url, access_key_id=access_key_id, secret_access_key=secret_access_key)
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(prefix=folder)
    return _bucket(parts, access_key_id, secret_access_key, timeout_s)


def checked_url(
    url: str, *, access_key_id: str | None = None, secret_access_key: str | None = None
) -> SplitResult:
    """The parts of an object store's URL that can be right; opens nothing.

    Raises ValueError as `object_store`.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc or parts.query or not parts.path.startswith("/"):
            raise ValueError("an object folder is written file:///absolute/path")
        return parts
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(
            "the object store URL must be file:///folder or s3://bucket/prefix?..."
        )
    query = parse_qs(parts.query)
    unknown = ", ".join(sorted(query.keys() - {"endpoint", "region"}))
    if unknown:
        raise ValueError(f"the object store URL takes endpoint and region, not {unknown}")
    if (access_key_id is None) != (secret_access_key is None):
        raise ValueError("an S3 access key needs both its id and its secret")
    endpoint = urlsplit(query["endpoint"][-1]) if "endpoint" in query else None
    if endpoint and (endpoint.scheme not in {"http", "https"} or not endpoint.hostname):
        raise ValueError(
            "the object store URL's endpoint must be http://host:port or https://host"
        )
    return parts


def _bucket(
    parts: SplitResult, key_id: str | None, secret: str | None, timeout_s: float
) -> S3Store:
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
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
        client_options={
            "allow_http": endpoint is not None and endpoint.startswith("http://"),
            "timeout": timedelta(seconds=timeout_s),
            "connect_timeout": timedelta(seconds=timeout_s * _CONNECT_WITHIN),
        },
        retry_config={
            "max_retries": _RETRIES,
            "retry_timeout": timedelta(seconds=timeout_s * _RETRY_WITHIN),
        },
    )
