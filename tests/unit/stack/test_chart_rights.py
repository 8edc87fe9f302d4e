"""The chart's pods have no right, no volume and no secret that they do not need."""

import json
import re

from tests.unit.stack.chart import Manifest, of_kind, pods
from tests.unit.stack.chart_pods import COMPOSE, OURS, POOLS, only
from tests.unit.stack.compose import images


def test_every_pod_is_what_the_restricted_standard_asks(manifests: list[Manifest]) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
    for part, (_, spec) in pods(manifests).items():
        pod, own = spec["securityContext"], only(spec)["securityContext"]
        assert pod["runAsNonRoot"] is True, part
        assert pod["runAsUser"] > 0, part
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, part
        assert own == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, part
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), part
        assert spec["automountServiceAccountToken"] is False, part
        for volume in spec.get("volumes", []):
            assert len(volume.keys() & allowed) == 1, (part, volume)
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"], (part, volume)
        for port in only(spec).get("ports", []):
            assert port.keys() <= {"name", "containerPort"}, part


def test_users_are_those_of_the_images(everything: list[Manifest]) -> None:
    users = {line.split()[1] for stage, line in images() if line.startswith("USER 1")}
    assert users == {"10001:10001"}
    for part, (_, spec) in pods(everything).items():
        wanted = "10001:10001" if part in OURS else COMPOSE[part]["user"]
        context = spec["securityContext"]
        assert f"{context['runAsUser']}:{context['runAsGroup']}" == wanted, part


def test_what_has_to_be_written_lies_on_a_volume(manifests: list[Manifest]) -> None:
    written = {
        name: place
        for _, line in images()
        for name, place in re.findall(r"(LATHE_\w+)=(/\S+)", line)
    }
    assert written.keys() == {"LATHE_WORK_DIR", "LATHE_LOCK_PATH", "LATHE_SIGNING_KEY_FILE"}
    found = {part: spec for part, (_, spec) in pods(manifests).items()}
    for part in POOLS & found.keys():
        places = {mount["mountPath"] for mount in only(found[part])["volumeMounts"]}
        assert written["LATHE_WORK_DIR"] in places
        assert written["LATHE_LOCK_PATH"].rpartition("/")[0] in places
        assert "/tmp" in places
        assert {volume.split(":")[1] for volume in COMPOSE[part]["volumes"]} <= places
    for part, spec in found.items():
        mounted = {mount["name"] for mount in only(spec)["volumeMounts"]}
        claimed = {"data"} if part in {"postgres", "valkey", "objects"} else set()
        assert mounted == {volume["name"] for volume in spec.get("volumes", [])} | claimed


def test_secrets_are_taken_from_the_secret_alone(manifests: list[Manifest]) -> None:
    for part, (_, spec) in pods(manifests).items():
        for each in only(spec).get("env", []):
            secret = re.search(r"PASSWORD$|SECRET|ACCESS_KEY", each["name"])
            if secret:
                assert each["valueFrom"]["secretKeyRef"]["name"] == "lathe", (part, each)
            assert not re.search(r"://[^/@]*:[^$/@][^/@]*@", each.get("value", "")), each
    assert of_kind(manifests, "Secret") == {}


def test_every_worker_that_signs_has_the_same_key(manifests: list[Manifest]) -> None:
    (place,) = [
        found
        for _, line in images()
        for found in re.findall(r"LATHE_SIGNING_KEY_FILE=(\S+)", line)
    ]
    for part, (_, spec) in pods(manifests).items():
        if part not in POOLS - {"worker-intake"}:
            assert "secret" not in json.dumps(spec.get("volumes", [])), part
            continue
        (volume,) = [each for each in spec["volumes"] if "secret" in each]
        (mount,) = [m for m in only(spec)["volumeMounts"] if m["name"] == volume["name"]]
        (item,) = volume["secret"]["items"]
        assert f"{mount['mountPath']}/{item['path']}" == place
        assert volume["secret"]["secretName"] == "lathe"
        assert volume["secret"]["defaultMode"] & 0o007 == 0
