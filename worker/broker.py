"""The Celery application as every part of the worker uses it: hints out, hints in."""

from celery import Celery

TASK = "lathe.look"
_REDIS = {
    "visibility_timeout": 86_400,  # a day
    "socket_connect_timeout": 5,
    "socket_keepalive": True,  # so that a cut cable is noticed
}


def celery_at(broker_url: str) -> Celery:
    """Celery for hints only: no results, early acknowledgement, nothing taken in advance.

    A hint may be lost or doubled (the job's row is the truth), so `visibility_timeout` only
    has to be longer than any job. A worker that held a second hint while it works would keep
    an idle one from seeing it; Redis transports can be told not to.
    """
    redis = broker_url.startswith("redis")
    app = Celery("lathe", broker=broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=redis,
        broker_transport_options=_REDIS if redis else {},
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    return app
