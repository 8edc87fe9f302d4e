"""Fill a job's folder: the task, the files it names, and what the step cache already knows."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from app.store import cache, inputs, training
from app.store.blobs.objects import Objects
from app.store.db import Sessions
from app.store.deposit import Stored
from app.store.inputs import ReadyDataset, ReadyModel, Upload
from app.store.queue import Claim
from lathe.errors import Internal, OutOfDisk
from lathe.job import JobSpec
from lathe.report import StepReport
from lathe.states import JobKind, Queue
from lathe.techniques.lessons import asked_models
from lathe.techniques.train import BASELINE
from worker.keys import Content, Ingredients, library_versions
from worker.outcome import CutShort
from worker.settings import Settings
from worker.wire import (
    Compress,
    InspectDataset,
    InspectModel,
    StagedDataset,
    StagedModel,
    StagedStep,
    Task,
)

_TRAINING = "training.safetensors"


@dataclass(slots=True)
class Chain:
    """Where a compression stands: the next step's position and what it starts from."""

    ingredients: Ingredients
    position: int
    input_sha256: str

    @property
    def step_id(self) -> str | None:
        """The id of the step that comes next; None behind the last."""
        spec = self.ingredients.spec
        return spec.step_id(self.position) if self.position < len(spec.pipeline) else None

    @property
    def technique(self) -> str:
        """That of the step that comes next."""
        return self.ingredients.spec.pipeline[self.position].technique

    def key(self) -> str:
        """The cache key of the step that comes next."""
        return self.ingredients.key(self.position, self.input_sha256)

    def advance(self, checkpoint_sha256: str) -> None:
        """The next step is done."""
        self.position += 1
        self.input_sha256 = checkpoint_sha256


@dataclass(frozen=True, slots=True)
class Reused:
    """A step of this job that the cache answered."""

    report: StepReport
    blob_id: str


@dataclass(frozen=True, slots=True)
class Staged:
    """A folder that is ready for its child. Inspections have no chain."""

    task: Task
    chain: Chain | None
    reused: tuple[Reused, ...]


def stage(
    sessions: Sessions,
    objects: Objects,
    claim: Claim,
    folder: Path,
    settings: Settings,
    cut_short: CutShort | None = None,
) -> Staged:
    """Write everything that the claimed job reads into `folder`, task.json last. With
    `cut_short` its finished steps are to be measured and no other is to run.

    Raises NotReady, Missing, OutOfDisk, Unavailable, and Internal when stored bytes changed.
    """
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        if claim.kind is JobKind.INSPECT:
            staged, files = _inspection(session, claim)
        else:
            staged, files = _compression(session, claim, settings, cut_short)
    for name, stored in files.items():
        if _fetched(objects, stored, folder / name) != stored.sha256:
            raise Internal(f"the stored object behind {name} is not what was stored")
    (folder / "task.json").write_text(staged.task.model_dump_json())
    return staged


def _fetched(objects: Objects, stored: Stored, path: Path) -> str:
    try:
        return objects.read_to_file(stored.key, path)
    except OutOfDisk as error:  # nothing is written but `path`
        raise OutOfDisk(
            "the worker's disk is full; free some, or wait for another worker"
        ) from error


def _inspection(session: Session, claim: Claim) -> tuple[Staged, dict[str, Stored]]:
    task: InspectModel | InspectDataset
    upload: Upload
    if claim.model_id is not None:
        upload = inputs.model_upload(session, claim.model_id)
        task = InspectModel(upload="upload")
    elif claim.dataset_id is not None:
        upload = inputs.dataset_upload(session, claim.dataset_id)
        task = InspectDataset(
            upload="upload", transforms=upload.transforms, layout=upload.layout
        )
    else:
        raise Internal(f"{claim.fence.job_id} names neither a model nor a data set")
    return Staged(task, None, ()), {"upload": upload.blob}


def _compression(
    session: Session, claim: Claim, settings: Settings, cut_short: CutShort | None
) -> tuple[Staged, dict[str, Stored]]:
    spec = JobSpec.model_validate(claim.spec)
    device = "cuda" if claim.queue is Queue.GPU else "cpu"
    model, baseline, teachers = _models(session, spec)
    datasets = {
        name: inputs.ready_dataset(session, name)
        for name in sorted({split.dataset for _, split in spec.data.splits()})
    }
    chain = _chain(spec, device, model, baseline, teachers, datasets)
    cached = _cached(session, claim.project_id, chain)
    if cut_short is not None and not cached:
        raise Internal(f"the steps that {claim.fence.job_id} has finished are gone")
    from_cache = len(cached) if cut_short is None else cut_short.reused
    reused, files = _staged_steps(spec, cached, from_cache)
    begun = None if cut_short else _begun(session, claim.project_id, chain)
    if begun is not None:
        files[_TRAINING] = begun
    timed = spec.benchmark is not None
    task = Compress(
        spec=spec,
        model=_place(files, model, timed=timed and model is baseline),
        baseline=_place(files, baseline, timed=timed),
        teachers={name: _place(files, each, timed=False) for name, each in teachers.items()},
        datasets={name: _place_data(files, each) for name, each in datasets.items()},
        reused=reused,
        cut_short=cut_short and cut_short.failure,
        training=None if begun is None else _TRAINING,
        training_every_s=settings.training_every_s,
        device=device,
        threads=settings.threads,
    )
    facts = tuple(
        Reused(step.report, hit.blob_id) for step, hit in zip(reused, cached, strict=True)
    )
    return Staged(task, chain, facts), files


def _models(
    session: Session, spec: JobSpec
) -> tuple[ReadyModel, ReadyModel, dict[str, ReadyModel]]:
    """The model, what it is compared with, and by id what else steps read: teachers and a
    student."""
    model = inputs.ready_model(session, spec.model)
    other = spec.baseline if spec.baseline != spec.model else None
    baseline = model if other is None else inputs.ready_model(session, other)
    wanted = {name for step in spec.pipeline for name in asked_models(step)} - {BASELINE}
    teachers = {name: inputs.ready_model(session, name) for name in sorted(wanted)}
    return model, baseline, teachers


def _chain(
    spec: JobSpec,
    device: str,
    model: ReadyModel,
    baseline: ReadyModel,
    teachers: dict[str, ReadyModel],
    datasets: dict[str, ReadyDataset],
) -> Chain:
    ingredients = Ingredients(
        spec=spec,
        device=device,
        models={"baseline": baseline.canonical.sha256}
        | {name: each.canonical.sha256 for name, each in teachers.items()},
        datasets={
            name: Content(each.canonical.sha256, each.facts.transforms)
            for name, each in datasets.items()
        },
        libraries=library_versions(),
    )
    return Chain(ingredients, 0, model.canonical.sha256)


def _cached(session: Session, project_id: str, chain: Chain) -> list[cache.CachedStep]:
    """The longest beginning of the pipeline that the cache answers; moves `chain` behind it."""
    hits: list[cache.CachedStep] = []
    while chain.step_id is not None:
        hit = cache.find(session, project_id, chain.key())
        if hit is None:
            break
        hits.append(hit)
        chain.advance(hit.checkpoint.sha256)
    return hits


def _begun(session: Session, project_id: str, chain: Chain) -> Stored | None:
    """How far somebody got with training the step that comes next."""
    if chain.step_id is None:
        return None
    return training.find(session, project_id, chain.key())


def _staged_steps(
    spec: JobSpec, cached: list[cache.CachedStep], from_cache: int
) -> tuple[tuple[StagedStep, ...], dict[str, Stored]]:
    """The first `from_cache` were another job's or attempt's. The last checkpoint is the one to
    go on from; the others matter when every step is measured."""
    every = spec.benchmark is not None and spec.benchmark.every_step
    files: dict[str, Stored] = {}
    steps = []
    for position, hit in enumerate(cached):
        name = f"step-{position + 1}.checkpoint"
        needed = every or position + 1 == len(cached)
        if needed:
            files[name] = hit.checkpoint
        told = {"id": spec.step_id(position), "reused": position < from_cache}
        report = hit.report.model_copy(update=told)
        steps.append(StagedStep(report=report, checkpoint=name if needed else None))
    return tuple(steps), files


def _place(files: dict[str, Stored], model: ReadyModel, *, timed: bool) -> StagedModel:
    """Put a model's files on the list; what is timed also comes as it was uploaded."""
    canonical = f"{model.id}.onnx"
    files[canonical] = model.canonical
    single = model.facts.format == "onnx"
    uploaded = None
    if timed and single:
        uploaded = f"{model.id}.uploaded.onnx"
        files[uploaded] = model.uploaded
    return StagedModel(
        canonical=canonical,
        uploaded=uploaded,
        uploaded_bytes=model.uploaded.size_bytes if single else None,
        facts=model.facts,
    )


def _place_data(files: dict[str, Stored], dataset: ReadyDataset) -> StagedDataset:
    name = f"{dataset.id}.safetensors"
    files[name] = dataset.canonical
    return StagedDataset(file=name, facts=dataset.facts)
