"""The chart's worker pools: GPUs, scaling on the jobs that wait, and where pods go."""

import re

from app.store.quotas.limits import running_names
from app.store.rows import Job
from lathe.states import JobState, Queue
from tests.unit.stack.chart import Manifest, of_kind, pods, rendered
from tests.unit.stack.chart_pods import only


def test_only_the_gpu_pool_takes_gpus_and_goes_where_they_are(
    everything: list[Manifest],
) -> None:
    assert "worker-gpu" not in pods(rendered({}))
    found = pods(everything)
    taking = {
        part
        for part, (_, spec) in found.items()
        if "nvidia.com/gpu" in only(spec)["resources"]["limits"]
    }
    assert taking == {"worker-gpu"}
    _, spec = found["worker-gpu"]
    assert only(spec)["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert spec["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert spec["runtimeClassName"] == "nvidia"
    strategy = of_kind(everything, "Deployment")["lathe-worker-gpu"]["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}


def test_pools_follow_the_jobs_of_their_queue(everything: list[Manifest]) -> None:
    scaled = of_kind(everything, "ScaledObject")
    deployments = of_kind(everything, "Deployment")
    assert {name.removeprefix("lathe-worker-") for name in scaled} == set(Queue)
    columns = {column.name for column in Job.__table__.columns}
    for name, each in scaled.items():
        spec = each["spec"]
        assert spec["scaleTargetRef"]["name"] == name
        assert "replicas" not in deployments[name]["spec"]
        assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
        (trigger,) = spec["triggers"]
        query = trigger["metadata"]["query"]
        queue = name.removeprefix("lathe-worker-")
        assert re.findall(r"\bqueue = '(\w+)'", query)[-1] == queue
        assert set(re.findall(r"\bstate = '(\w+)'", query)) == {
            JobState.RUNNING,
            JobState.QUEUED,
        }
        assert f"FROM {Job.__tablename__} " in query
        assert set(re.findall(r"\b(queue|state|not_\w+)\b", query)) <= columns
        named = set(re.findall(r"'(running_\w+|gpu_minutes)'", query))
        limits = {
            *running_names(Queue(queue)),
            *(["gpu_minutes"] if queue == Queue.GPU else []),
        }
        assert named == limits
        assert trigger["metadata"]["host"] == "lathe-postgres.prod.svc"
    assert scaled["lathe-worker-gpu"]["spec"]["minReplicaCount"] == 0
    assert scaled["lathe-worker-intake"]["spec"]["minReplicaCount"] == 1


def test_without_keda_every_pool_has_the_workers_that_it_is_given() -> None:
    manifests = rendered({"workers": {"pools": {"cpu": {"replicas": 3}}}})
    assert of_kind(manifests, "ScaledObject") == {}
    assert of_kind(manifests, "TriggerAuthentication") == {}
    deployments = of_kind(manifests, "Deployment")
    assert deployments["lathe-worker-cpu"]["spec"]["replicas"] == 3


def test_one_worker_a_node_can_be_asked_for_and_still_be_exchanged() -> None:
    manifests = rendered({"workers": {"spread": "required"}})
    worker = of_kind(manifests, "Deployment")["lathe-worker-cpu"]["spec"]
    apart = worker["template"]["spec"]["affinity"]["podAntiAffinity"]
    (rule,) = apart["requiredDuringSchedulingIgnoredDuringExecution"]
    labels = worker["template"]["metadata"]["labels"]
    assert rule["labelSelector"]["matchLabels"].items() <= labels.items()
    assert worker["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
