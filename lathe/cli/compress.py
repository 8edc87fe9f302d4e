"""`lathe compress`: from a file to a smaller one with its proof."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from lathe.cli.connect import Connection, connected, is_named
from lathe.cli.datasets import LAYOUT, TRANSFORMS, LayoutOption, TransformsOption
from lathe.cli.endings import Ending
from lathe.cli.follow import ending, followed, why
from lathe.cli.given import given
from lathe.cli.inputs import dataset_of, model_of, there
from lathe.cli.judged import classified, warned
from lathe.cli.options import AsJson, Key, Patience, Url
from lathe.cli.order import Wishes, job_spec
from lathe.cli.pipeline import pipeline
from lathe.cli.proof import proof
from lathe.cli.results import fetched
from lathe.cli.say import note, out, show
from lathe.cli.wrong import wrong
from lathe.report import Report
from lathe.states import JobState
from lathe.views import JobView, PlanView


def compress(  # noqa: PLR0913 - the command line of a whole job
    model: Annotated[str, typer.Argument(help="A model file, mdl_..., or https://...")],
    *,
    data: Annotated[
        str | None, typer.Option("--data", "-d", help="A file of data, dat_..., or https://...")
    ] = None,
    steps: Annotated[
        str,
        typer.Option(
            "--pipeline",
            "-p",
            help="A recipe, technique names with commas, or steps as JSON or a .json file.",
        ),
    ] = "int8",
    task: Annotated[
        str | None,
        typer.Option(
            help="classification, regression, similarity, reconstruction or none: answers are "
            "compared with the original's. Default: what labels and network look like."
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="What is judged; default the task's first metric.")
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(min=0, help="Of that metric, at most: 0.005 is half a point of accuracy."),
    ] = None,
    max_bytes: Annotated[int | None, typer.Option(min=1, help="Of the file, at most.")] = None,
    max_latency_ms: Annotated[
        float | None, typer.Option(min=0, help="At batch 1, at most.")
    ] = None,
    train: Annotated[
        bool | None,
        typer.Option(
            "--train/--no-train",
            help="Give steps the train split to learn from; default where they need it.",
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Examples to calibrate with.")] = 512,
    transforms: TransformsOption = None,
    layout: LayoutOption = None,
    name: Annotated[str | None, typer.Option(help="Of the job.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of all that is random.")] = None,
    webhook: Annotated[
        str | None, typer.Option(help="whk_..., which is told how the job ends.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for the result; default <model>-lathe."),
    ] = None,
    timeout: Patience = None,
    url: Url = None,
    key: Key = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay until the end, and download.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; queue nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Upload a model and data, compress, and bring the result with its proof.

    Splits are found by their names: train (or calibration) and test (or validation). Without
    a service to talk to, one is started for this command where the server's packages are.
    """
    how = given(TRANSFORMS, transforms, "--transforms") if transforms else None
    what = given(LAYOUT, layout, "--layout") if layout else None
    wishes = Wishes(
        task,
        metric,
        max_drop,
        max_bytes,
        max_latency_ms,
        train,
        samples,
        name,
        device,
        seed,
        webhook,
    )
    plan = pipeline(steps)
    there(model, "mdl")
    if data is not None:
        there(data, "dat")
    elif max_drop is not None:
        raise wrong("--max-drop is judged on examples; give --data, too.")
    if not is_named(url):
        plan.known_here()
        if not wait:
            raise wrong("--no-wait needs a service that stays; start one with `lathe up`.")
    with connected(url, key) as service:
        lathe = service.lathe
        plan = plan.known_to(lathe)
        try:
            dataset = dataset_of(data, lathe, how, what) if data else None
            net = model_of(model, lathe)
        except KeyboardInterrupt:
            note("No job was queued; the same command goes on with the upload.")
            raise
        wishes = replace(wishes, task=task or classified(net, dataset))
        spec: dict[str, Any] = {
            "name": Path(net.name or net.id).stem,
            **job_spec(net.id, dataset, plan, wishes),
        }
        warned(spec["data"])
        if dry_run:
            raise typer.Exit(_planned(lathe.validate(spec), as_json=as_json))
        job = lathe.submit(spec)
        note(f"job {job.id}")
        if not wait:
            show(job) if as_json else typer.echo(job.id)
            return
        job = followed(service, job, timeout)
        target = folder or Path(f"{Path(model).stem}-lathe")
        raise typer.Exit(ended(service, job, target, as_json=as_json))


def ended(service: Connection, job: JobView, folder: Path | None, *, as_json: bool) -> Ending:
    """Show and download what a finished job has to show for itself; how the command ends."""
    report: Report | None = None
    paths: list[Path] = []
    if job.verdict is not None:  # a failed job may have one, of the best so far
        report = service.lathe.report(job.id)
        paths = fetched(service.lathe, job, folder) if folder else []
    if job.state is not JobState.SUCCEEDED:
        note(why(job))
    if as_json:
        show({"job": job, "report": report, "files": [str(path) for path in paths]})
    elif report is not None:
        proof(report)
        for path in paths:
            out().print(str(path), soft_wrap=True, markup=False)
    return ending(job)


def _planned(plan: PlanView, *, as_json: bool) -> Ending:
    if as_json:
        show(plan)
    for problem in plan.problems:
        note(f"{problem.param}: {problem.detail}")
    for step in () if as_json else plan.plan:
        options: dict[str, Any] = {
            field: value
            for field, value in step.spec.items()
            if value is not None and field not in {"id", "technique"}
        }
        out().print(f"{step.id}  {step.technique}  {options}", soft_wrap=True, markup=False)
    return Ending.DONE if plan.valid else Ending.REFUSED
