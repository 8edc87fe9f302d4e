"""Every environment variable that begins with LATHE_, in one place.

A variable that is set and not named here is a slip of the pen (LATHE_DATABSE_URL), and the
setting that was meant would silently keep its default: so it stops the start.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_OF_BOTH = (
    "broker_url database_connect_timeout_s database_url log_format log_level objects_timeout_s "
    "objects_url s3_access_key_id s3_secret_access_key schema_ahead"
)
_OF_THE_SERVICE = (
    "broker_timeout_s database_pool_size database_pool_wait_s database_statement_timeout_s "
    "max_dataset_bytes max_json_bytes max_model_bytes page_size ready_timeout_s"
)
_OF_WORKERS = (
    "child_file_bytes child_memory_bytes database_patience_s drain_s inspect_max_run_s "
    "inspect_memory_bytes lease_s lock_path objects_patience_s objects_retry_s rehint_s "
    "reroute_s running_per_project sandbox slots sweep_s threads training_every_s work_dir"
)
_OF_TOOLS = "api_key url valkey_bin"  # the client, and the embedded service's broker
_OF_THE_STACK = (  # docker-compose.yml fills them in; a container may be handed them all
    "api_processes backup_dir bucket cpu_workers gpu_worker_memory gpu_workers intake_workers "
    "listen stop_grace version worker_cpus worker_memory"
)
SETTINGS = frozenset(
    f"LATHE_{name.upper()}" for name in f"{_OF_BOTH} {_OF_THE_SERVICE} {_OF_WORKERS}".split()
)
KNOWN = SETTINGS | {f"LATHE_{name.upper()}" for name in f"{_OF_TOOLS} {_OF_THE_STACK}".split()}
# what Kubernetes puts into every pod beside a Service whose name begins with "lathe"
_SERVICE_LINK = re.compile(
    r"LATHE_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?"
    r"|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


def unknown_variable(environment: Iterable[str]) -> str | None:
    """One line about the first LATHE_ variable that means nothing, with the likely name."""
    for name in sorted(environment):
        if not name.startswith("LATHE_") or name in KNOWN or _SERVICE_LINK.fullmatch(name):
            continue
        near = get_close_matches(name, KNOWN, n=1, cutoff=0.7)
        remedy = f"did you mean {near[0]}?" if near else "remove it"
        return f"{name}: there is no such setting; {remedy}"
    return None
