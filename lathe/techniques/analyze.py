"""Looking at a model, which stays as it is."""

from typing import Annotated, Literal

from pydantic import Field

from lathe.spec import Spec
from lathe.techniques.step import INPUTS, LayerId, Looks, Step


class AsIntegers(Spec):
    """Weights rounded to nearest as quantize.weights does, in blocks of 128."""

    to: Literal["integers"] = "integers"
    bits: Literal[2, 3, 4, 8] = Field(description="Bits of a weight.")


class AsZeros(Spec):
    """The weights of smallest magnitude set to zero."""

    to: Literal["zeros"] = "zeros"
    sparsity: float = Field(gt=0, lt=1, description="Fraction of zeros in the layer.")


Change = Annotated[AsIntegers | AsZeros, Field(discriminator="to")]
USUAL: tuple[Change, ...] = (
    AsIntegers(bits=8),
    AsIntegers(bits=4),
    AsZeros(sparsity=0.5),
    AsZeros(sparsity=0.75),
)


class AnalyzeSensitivity(Step):
    """What each layer alone loses by each of some changes, and the bytes that they save.

    The model is handed on as it is; the table is in the step's report. It takes a run over
    the examples for every weight and change.
    """

    technique: Literal["analyze.sensitivity"] = "analyze.sensitivity"
    changes: tuple[Change, ...] = Field(
        USUAL, min_length=1, max_length=16, description="Tried one by one on every layer."
    )
    measure: Literal["divergence", "metric"] = Field(
        "divergence",
        description="divergence: of the outputs from the unchanged model's, as KL divergence "
        "of a classification's probabilities (nats), else the squared error relative to the "
        "outputs' variance. metric: of the task's score, on labels of the held-out part of "
        "data.train, or without them of the agreement with the unchanged model.",
    )
    samples: int = Field(256, ge=1, le=100_000, description="Most examples that are run.")
    embeddings: bool = Field(True, description="Look at tables that rows are read from, too.")
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers that are not looked at, by layer id."
    )

    @property
    def looks_at(self) -> frozenset[Looks]:
        """Examples of data.calibration, or of data.train."""
        return INPUTS
