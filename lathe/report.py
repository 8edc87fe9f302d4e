"""The proof: baseline against candidates, measured under one harness, as one value."""

from typing import Literal

from pydantic import Field

from lathe.confusion import Confusions
from lathe.errors import Failure
from lathe.job import JobSpec
from lathe.limits import FileKind
from lathe.spec import Fact
from lathe.techniques.encode import Profile

Realised = Literal["smaller", "faster", "smaller_and_faster", "neither", "unmeasured"]


class Interval(Fact):
    """A two-sided 95 % interval."""

    low: float
    high: float


class Measurement(Fact):
    """One number about one file. `samples` are the raw timings in run order."""

    metric: str
    of: FileKind = Field("onnx", description="The file of the candidate that is meant.")
    value: float
    unit: str
    batch_size: int | None = None
    spread: Interval | None = None
    samples: tuple[float, ...] = ()
    contended: bool = Field(False, description="Other work used the CPU while this was timed.")


class Comparison(Fact):
    """Candidate against baseline on the same examples or in the same timed run.

    For a quality metric `change` is candidate minus baseline with a paired interval; for a
    cost it is candidate over baseline. A packed file is compared with the baseline's ONNX file.
    """

    metric: str
    of: FileKind = "onnx"
    kind: Literal["difference", "ratio"]
    change: float
    interval: Interval | None = None
    examples: int | None = None
    method: str | None = Field(None, description="How the interval was made.")
    batch_size: int | None = None


class GroupScore(Fact):
    """One class or one group of the evaluation split, before and after."""

    name: str
    examples: int
    baseline: dict[str, float]
    candidate: dict[str, float]
    lost: int | None = Field(None, description="Answers right before and wrong after.")
    gained: int | None = Field(None, description="Answers wrong before and right after.")


class LayerReport(Fact):
    """What became of one layer. SQNR = 10 log10(sum x^2 / sum (x - x')^2) of its output."""

    layer: str
    operator: str
    bytes_before: int
    bytes_after: int
    shape_before: tuple[int, ...]
    shape_after: tuple[int, ...]
    factors_after: tuple[tuple[int, ...], ...] = Field(
        (),
        description="Of a layer that was decomposed: the shapes of those that now come before "
        "it, which share its operator. The other numbers count all of them.",
    )
    nonzero: float = Field(description="Fraction of stored weights that are not zero.")
    dtype: str
    sqnr_db: float | None = None
    executed_as: str | None = Field(
        None, description="Operator and type the runtime really ran."
    )


class LayerSensitivity(Fact):
    """What one change to one weight alone does to the whole model."""

    layer: str
    weight: str = Field(description="The tensor; of recurrent layers there are two.")
    change: str
    loss: float | None = Field(
        description="In the unit that the step's facts name; 0 loses nothing. None where the "
        "model then answers NaN or infinity."
    )
    bytes_saved: int = Field(
        description="Of the ONNX file. Zeros save nothing there; packed files make use of them."
    )


class StepReport(Fact):
    """What one step did, what it cost and whether it was taken from the cache."""

    id: str
    technique: str
    reused: bool = False
    wall_s: float
    cpu_s: float
    facts: dict[str, float | int | str | bool | None] = Field(default_factory=dict)
    curve: tuple[tuple[float, ...], ...] = Field(
        (), description="Training: epoch, train loss, held-out score, one row an epoch."
    )
    sensitivities: tuple[LayerSensitivity, ...] = Field(
        (), description="Of steps that change one weight after the other to see what it loses."
    )


class NoisePoint(Fact):
    """The primary metric when inputs carry Gaussian noise of `sigma` times their deviation."""

    sigma: float
    baseline: float
    candidate: float


class NoiseCheck(Fact):
    """What looking at noisy inputs rests on, and what it cost."""

    examples: int = Field(description="Looked at for each point, the same ones each time.")
    of: int = Field(description="So many the evaluation split has.")
    wall_s: float
    stopped: str | None = Field(
        None, description="Why stronger noise was left out: what a file answered to it."
    )


class PackedTensor(Fact):
    """What one tensor takes in a packed file, and how it was coded."""

    tensor: str
    coded_as: str
    bytes_before: int
    bytes_after: int


class PackedFile(Fact):
    """The candidate's file, entropy-coded. It was decoded once: its bytes are those of `file`
    of the candidate."""

    file: str
    sha256: str
    size_bytes: int
    profile: Profile
    parts: dict[str, int] = Field(description="Bytes of each part; together the whole file.")
    tensors: tuple[PackedTensor, ...] = ()
    huffman_bytes: int | None = Field(
        None, description="The whole file, had its symbols been coded by Huffman's method."
    )
    encode_s: float
    decode_s: float


class Candidate(Fact):
    """The state after one step, as a file."""

    id: str = Field(description="The step's id.")
    file: str = Field(description="Name of the artifact that was measured.")
    sha256: str
    measurements: tuple[Measurement, ...]
    against_baseline: tuple[Comparison, ...] = ()
    constraints_met: bool | None = None
    violations: tuple[str, ...] = ()
    realised: Realised = "unmeasured"
    float_operators: dict[str, int] = Field(
        default_factory=dict,
        description="Conv, Gemm, MatMul that the runtime still ran in float.",
    )
    packed: PackedFile | None = None


class Verdict(Fact):
    """The answer in one line, and what it rests on."""

    best: str = Field(description="Id of the best candidate.")
    constraints_met: bool | None
    realised: Realised
    sentence: str


class Environment(Fact):
    """Where the numbers come from."""

    lathe_version: str
    spec_version: int = 1
    libraries: dict[str, str]
    cpu: str
    cores: int
    threads: int
    device: str
    platform: str
    seed: int


class Report(Fact):
    """Everything that was measured for one job."""

    spec: JobSpec
    verdict: Verdict
    baseline: Candidate
    candidates: tuple[Candidate, ...]
    steps: tuple[StepReport, ...]
    layers: tuple[LayerReport, ...] = ()
    classes: tuple[GroupScore, ...] = ()
    groups: tuple[GroupScore, ...] = ()
    worst_classes: tuple[str, ...] = ()
    confusions: Confusions | None = Field(
        None, description="Of a classification: what is answered in place of what."
    )
    noise: tuple[NoisePoint, ...] = Field((), description="Empty where no input holds floats.")
    noise_check: NoiseCheck | None = None
    environment: Environment
    warnings: tuple[str, ...] = ()
    failure: Failure | None = Field(
        None,
        description="Why the job has failed; all else is then about the steps before that.",
    )
