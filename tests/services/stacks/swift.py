"""OpenStack Swift with its S3 API: a proxy and one server of each of three kinds."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

from stacks.children import free_ports, start

KINDS = ("account", "container", "object")
_MODULES = {
    "account": "swift.account.server",
    "container": "swift.container.server",
    "object": "swift.obj.server",
    "proxy": "swift.proxy.server",
}
USER, SECRET = "test:tester", "testing"

_SWIFT = """
[swift-hash]
swift_hash_path_prefix = lathe
swift_hash_path_suffix = lathe
[storage-policy:0]
name = only
default = yes
"""

_STORAGE = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {etc}
devices = {srv}
mount_check = false
user = {user}
recon_cache_path = {cache}
fallocate_reserve = 0
disable_fallocate = true
log_level = ERROR
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

_PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {etc}
user = {user}
log_level = ERROR
[pipeline:main]
pipeline = catch_errors listing_formats bulk s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_interval = 2
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:slo]
use = egg:swift#slo
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
"""

_RINGS = """
import sys
from swift.common.ring import RingBuilder
for argument in sys.argv[2:]:
    kind, port = argument.split("=")
    builder = RingBuilder(4, 1, 1)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port),
                     "replication_ip": "127.0.0.1", "replication_port": int(port),
                     "device": "d1", "weight": 1.0})
    builder.rebalance()
    builder.get_ring().save(f"{sys.argv[1]}/{kind}.ring.gz")
"""


def swift_can_run(folder: Path) -> bool:
    """Whether files in `folder` take extended attributes, and this user has a name."""
    probe = folder / "xattr"
    probe.touch()
    try:
        os.setxattr(probe, "user.swift.metadata", b"x" * 2048)
        pwd.getpwuid(os.geteuid())
    except (OSError, KeyError):
        return False
    return True


def start_swift(folder: Path, log: Path) -> tuple[list[subprocess.Popen[bytes]], str]:
    """Start the four servers; the proxy is the last one. Returns them and the endpoint."""
    etc, srv, cache = (folder / name for name in ("etc", "srv", "cache"))
    for each in (etc, srv / "d1", cache):
        each.mkdir(parents=True)
    with free_ports(len(KINDS) + 1) as ports:
        at = dict(zip((*KINDS, "proxy"), ports, strict=True))
    places = {
        "etc": etc,
        "srv": srv,
        "cache": cache,
        "user": pwd.getpwuid(os.geteuid()).pw_name,
    }
    (etc / "swift.conf").write_text(_SWIFT)
    (etc / "proxy.conf").write_text(_PROXY.format(port=at["proxy"], **places))
    for kind in KINDS:
        (etc / f"{kind}.conf").write_text(_STORAGE.format(kind=kind, port=at[kind], **places))
    env = {**os.environ, "SWIFT_DIR": str(etc)}
    rings = [sys.executable, "-c", _RINGS, str(etc), *(f"{kind}={at[kind]}" for kind in KINDS)]
    subprocess.run(rings, env=env, check=True, capture_output=True)
    servers = [
        start([sys.executable, "-m", module, f"{etc}/{name}.conf"], log, env=env)
        for name, module in _MODULES.items()
    ]
    return servers, f"http://127.0.0.1:{at['proxy']}"
