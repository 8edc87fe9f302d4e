"""Every environment variable that begins with LATHE_, in one place.

A variable that is set and not named here is a slip of the pen (LATHE_DATABSE_URL), and the
setting that was meant would silently keep its default: so it stops the start.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_OF_BOTH = (
    "broker_url database_connect_timeout_s database_url log_format log_level max_dataset_bytes "
    "max_model_bytes objects_timeout_s objects_url outbound_allow "
    "quota_gpu_minutes quota_stored_bytes quota_unfinished_jobs running_gpu_per_project "
    "running_per_project "
    "s3_access_key_id s3_secret_access_key schema_ahead sources_s3_buckets "
    "traces_share traces_url"
)
_OF_THE_SERVICE = (
    "traces_join traces_reads_share "
    "broker_timeout_s database_pool_size database_pool_wait_s database_statement_timeout_s "
    "head_timeout_s max_head_bytes max_json_bytes max_open_uploads max_streams "
    "max_webhooks page_size "
    "rate_reads rate_writes rate_wrong_keys reader_idle_s ready_timeout_s slowest_bytes_per_s "
    "upload_expires_s upload_idle_s"
)
_OF_WORKERS = (
    "child_file_bytes child_files child_folder_bytes child_memory_bytes child_threads "
    "database_patience_s drain_s fetch_max_run_s "
    "fetch_silence_s inspect_max_run_s "
    "inspect_memory_bytes lease_s lock_path nice objects_patience_s objects_retry_s rehint_s "
    "reroute_s sandbox signing_key_file slots sources_s3_access_key_id "
    "sources_s3_endpoint sources_s3_region sources_s3_secret_access_key sweep_s threads "
    "training_every_s webhook_retries_s webhook_timeout_s work_dir"
)
_OF_KEEPING = (
    "keep_artifacts_days keep_attempts_days keep_audit_days keep_dead_letters_days "
    "keep_delivered_days keep_idempotency_keys_days keep_jobs_days keep_orphans_days "
    "keep_step_cache_bytes keep_step_cache_days keep_training_states_days "
    "keep_unused_uploads_days"
)
# what no settings class has; a text is the variable's entry in docs/reference/settings.md
OF_TOOLS = {  # the client, and the embedded service's broker
    "key": "The API key that the `lathe` command sends.",
    "api_key": "The same by an older name.",
    "url": "Where the `lathe` command finds the service, such as http://127.0.0.1:8000.",
    "valkey_bin": "The valkey-server or redis-server that the embedded service starts; by "
    "default that of an installed wheel.",
}
OF_THE_STACK = {  # docker-compose.yml fills them in; a container may be handed them all
    "api_processes": "Containers of the API.",
    "backup_dir": "Folder of this machine that `app.backup` writes to.",
    "bucket": "The bucket that holds all objects.",
    "cpu_workers": "Workers of the queue cpu.",
    "gpu_worker_memory": "Memory limit of one GPU worker.",
    "gpu_workers": "Workers of the queue gpu, with the profile gpu.",
    "intake_workers": "Workers that inspect uploads.",
    "listen": "Address and port of this machine that the proxy listens on.",
    "stop_grace": "How long a worker may take to stop; longer than LATHE_DRAIN_S.",
    "version": "Tag of the images that are built and run.",
    "worker_cpus": "Cores of one worker, and its threads.",
    "worker_memory": "Memory limit of one worker.",
}
AWS_KEYS = {  # where the usual chain finds a bucket's keys without asking the network
    "AWS_ACCESS_KEY_ID": "With AWS_SECRET_ACCESS_KEY: the bucket's keys, where "
    "LATHE_S3_ACCESS_KEY_ID is not set.",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "The bucket's keys by a role of a Kubernetes service "
    "account, as every AWS client reads it.",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "The bucket's keys by the role of an ECS task.",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "The same at another address.",
}
FOREIGN = AWS_KEYS | {
    "CUDA_*": "Handed on to the process of a job, as are NVIDIA_* and LD_LIBRARY_PATH; of a "
    "worker's environment it sees nothing else.",
    "OTEL_EXPORTER_OTLP_HEADERS": "Sent to the collector of LATHE_TRACES_URL with every batch, "
    "such as authorization=Bearer%20...; every variable of the OpenTelemetry exporter but its "
    "endpoint is obeyed.",
    "OTEL_RESOURCE_ATTRIBUTES": "Told of this process with every span, such as "
    "deployment.environment.name=production.",
    "XDG_CONFIG_HOME": "`lathe login` keeps its file there, below `lathe`; default ~/.config.",
    "XDG_CACHE_HOME": "The service that `lathe compress` starts by itself keeps its data below "
    "`lathe` there, as do uploads that are to go on; by default ~/.cache.",
    "PYTHONPATH": "Handed on, with the server's tree, to what `lathe up` starts.",
    "TMPDIR": "Where the folders of workers and the lock of timing lie by default.",
    "POSTGRES_PASSWORD": "Of the stack's database; `deploy/new-env.sh` makes one.",
    "VALKEY_PASSWORD": "Of the stack's broker; `deploy/new-env.sh` makes one.",
    "GRAFANA_LISTEN": "Address and port of this machine that the stack's dashboards listen on.",
    "GRAFANA_PASSWORD": "Of the stack's dashboards; `deploy/new-env.sh` makes one.",
}
SETTINGS = frozenset(
    f"LATHE_{name.upper()}"
    for name in f"{_OF_BOTH} {_OF_THE_SERVICE} {_OF_WORKERS} {_OF_KEEPING}".split()
)
KNOWN = SETTINGS | {f"LATHE_{name.upper()}" for name in (*OF_TOOLS, *OF_THE_STACK)}
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
