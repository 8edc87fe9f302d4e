"""deploy/helm/lathe as Helm renders it, and what Kubernetes' own schemas say of that.

`python -m tests.unit.stack.chart` lints the chart, renders it for every set of values and
holds each manifest against its schema; silent, or a line for each problem and 1.
"""

import io
import json
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import jsonschema
import kubernetes_validate
import yaml

from tests.unit.stack.compose import ROOT

CHART = ROOT / "deploy/helm/lathe"
SETS = ("default", *sorted(path.stem for path in (ROOT / "deploy/helm/values").glob("*.yaml")))
KUBERNETES = ("1.30", "1.37")  # the oldest that Chart.yaml allows and the newest known here
_CRDS = Path(__file__).parent / "crds"

Manifest = dict[str, Any]


def values(name: str) -> dict[str, Any]:
    """What a person would hand to `helm install --values`."""
    if name == "default":
        return {}
    read: dict[str, Any] = yaml.safe_load((CHART.parent / f"values/{name}.yaml").read_text())
    return read


def rendered(
    given: dict[str, Any],
    *,
    upgrade: bool = False,
    release: str = "lathe",
    packed: bytes | None = None,
) -> list[Manifest]:
    """Every manifest; raises HelmError for values that the chart refuses."""
    with helm.Chart.load_archive(packed or packed_chart()) as chart:
        chart.validate_schema(given)
        written = chart.render(
            given, name=release, namespace="prod", is_install=not upgrade, is_upgrade=upgrade
        )
    texts = (text for path, text in sorted(written.items()) if path.endswith(".yaml"))
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


@cache
def packed_chart(version: str | None = None) -> bytes:
    """The chart with what the links in files/ lead to, as `helm package` makes it; of another
    version of the service where one is named."""

    def other(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if version and member.name.endswith("/Chart.yaml") else member

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", dereference=True) as archive:
        archive.add(CHART, arcname=CHART.name, filter=other)
        if version:
            described = yaml.safe_load((CHART / "Chart.yaml").read_text())
            text = yaml.safe_dump(described | {"appVersion": version}).encode()
            member = tarfile.TarInfo(f"{CHART.name}/Chart.yaml")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return packed.getvalue()


def complaint(manifest: Manifest, kubernetes: str = KUBERNETES[-1]) -> str | None:
    """Why the API server would refuse the manifest."""
    try:
        _hold_against_schema(manifest, kubernetes)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        return f"{manifest['kind']} {manifest['metadata']['name']}: {error.message}"
    return None


def _hold_against_schema(manifest: Manifest, kubernetes: str) -> None:
    crd = _CRDS / f"{manifest['kind']}.json"
    if crd.exists():
        jsonschema.validate(manifest, json.loads(crd.read_text()))
    else:
        kubernetes_validate.validate(manifest, kubernetes, strict=True)


def lint() -> list[str]:
    """What `helm lint --strict` finds, for every set of values."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(CHART, Path(folder) / CHART.name)
        for name in SETS:
            report = helm.lint(copy, values(name), strict=True, namespace="prod")
            graver = [m["error"] for m in report["messages"] if m["severity"] > 1]
            found += [f"{name}: {each}" for each in (*report["errors"], *graver)]
    return found


def pods(manifests: list[Manifest]) -> dict[str, tuple[Manifest, Manifest]]:
    """component -> (labels, spec) of every pod that something starts."""
    found = {}
    for manifest in manifests:
        spec = manifest.get("spec", {})
        template = spec.get("jobTemplate", manifest)["spec"].get("template") if spec else None
        if template:
            labels = template["metadata"]["labels"]
            found[labels["app.kubernetes.io/component"]] = (labels, template["spec"])
    return found


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """name -> manifest."""
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] == kind}


def _problems() -> Iterator[str]:
    yield from lint()
    for name in SETS:
        for manifest in rendered(values(name)):
            said = complaint(manifest)
            if said is not None:
                yield f"{name}: {said}"


if __name__ == "__main__":
    problems = list(_problems())
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    sys.exit(bool(problems))
