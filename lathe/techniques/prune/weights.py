"""Setting single weights to zero, wherever they stand or in a pattern."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from lathe.spec import Spec
from lathe.techniques.step import INPUTS, LOSS, NOTHING, LayerId, Looks, Needs
from lathe.techniques.train import DistillLoss, Taught, Teacher

WeightCriterion = Literal["magnitude", "threshold", "taylor", "wanda", "sparsegpt"]
LOOKS: dict[WeightCriterion, frozenset[Looks]] = {
    "taylor": LOSS,
    "wanda": INPUTS,
    "sparsegpt": INPUTS,
}


class Pattern(Spec):
    """Of every `of` neighbours along a layer's inputs, `keep` weights stay: 2 of 4 is what
    sparse matrix units of GPUs compute with."""

    keep: int = Field(ge=1, le=63, description="Weights that stay in each block.")
    of: int = Field(ge=2, le=64, description="Weights in a block.")

    @model_validator(mode="after")
    def _some_fall(self) -> Self:
        if self.keep >= self.of:
            raise ValueError("keep must be below of, or nothing falls")
        return self


USUAL_SAMPLES = 512


class PruneWeights(Taught):
    """Set the weights that matter least to zero, and keep them zero from then on.

    With `epochs` 0 at once, as the weights are. Else while training: sparsity rises from what
    it is along s(t) = s_f + (s_i - s_f) (1 - t/n)^3 (Zhu and Gupta 2017, arXiv:1710.01878),
    and zeros on which the loss leans come back (Liu et al. 2021, arXiv:2106.10404), though
    not in a pattern;
    then the mask is fixed and the rest of the training repairs. Biases and norms stay.
    """

    needs: ClassVar[Needs] = Needs()

    technique: Literal["prune.weights"] = "prune.weights"
    criterion: WeightCriterion = Field(
        "magnitude",
        description="What goes until `sparsity` or the pattern is reached: magnitude, the "
        "smallest; taylor, those with the smallest |w dL/dw| on data.train (Molchanov et al., "
        "arXiv:1906.10771); wanda, of each output those with the smallest |w| times the norm "
        "of their input (Sun et al., arXiv:2306.11695); sparsegpt, those whose loss the "
        "weights left can make good best, which do so (Frantar and Alistarh, "
        "arXiv:2301.00774). Both of these look at inputs of data.calibration, or of "
        "data.train. threshold: all below `threshold` go.",
    )
    sparsity: float | None = Field(
        None, gt=0, lt=1, description="Fraction of zeros at the end; not with threshold."
    )
    pattern: Pattern | None = Field(
        None,
        exclude_if=lambda pattern: pattern is None,  # older workers do not know the key
        description="In place of `sparsity`: so many of so many stay. Layers whose inputs are "
        "no multiple of `of` are left as they are.",
    )
    threshold: float | None = Field(
        None, gt=0, le=1e6, description="Smallest magnitude that stays; with threshold."
    )
    unit: Literal["absolute", "std"] = Field(
        "std",
        description="What `threshold` counts in: the weights' own unit, or the standard "
        "deviation of the layer's weights as they came.",
    )
    scope: Literal["layer", "global"] = Field(
        "layer",
        description="layer: every layer becomes as sparse; global: all weights are compared, "
        "with magnitude by each one's share in the energy of those its layer would be left "
        "with (LAMP, Lee et al. 2021, arXiv:2010.07611), with taylor as they are. With "
        "sparsity.",
    )
    embeddings: bool = Field(False, description="Prune tables that rows are read from, too.")
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers whose weights all stay, by layer id."
    )
    samples: int = Field(
        USUAL_SAMPLES,
        ge=1,
        le=100_000,
        exclude_if=lambda samples: samples == USUAL_SAMPLES,  # as above
        description="Examples that taylor looks at.",
    )
    reestimate_norms: bool = Field(
        False,
        exclude_if=lambda asked: not asked,  # as above
        description="Take means and variances of BatchNorms anew afterwards, on inputs of "
        "data.calibration, or of data.train.",
    )
    epochs: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Epochs of training while pruning by magnitude or threshold; 0 prunes at "
        "once.",
    )
    ramp: float = Field(
        0.6, gt=0, lt=1, description="Part of the training in which sparsity rises."
    )
    update_every: int = Field(
        50, ge=1, le=100_000, description="Training steps between two choices of the mask."
    )
    teachers: tuple[Teacher, ...] = Field((), max_length=8)
    loss: DistillLoss = Field(default_factory=lambda: DistillLoss(hard=1.0))

    @property
    def looks_at(self) -> frozenset[Looks]:
        """For its criterion and the norms; training looks at what it learns from besides."""
        return LOOKS.get(self.criterion, NOTHING) | (
            INPUTS if self.reestimate_norms else NOTHING
        )

    @model_validator(mode="after")
    def _one_goal(self) -> Self:
        given = {
            name
            for name in ("sparsity", "pattern", "threshold")
            if getattr(self, name) is not None
        }
        if self.criterion == "threshold" and given != {"threshold"}:
            raise ValueError("the criterion threshold takes threshold and no other goal")
        if self.criterion != "threshold" and given not in ({"sparsity"}, {"pattern"}):
            raise ValueError(
                f"the criterion {self.criterion} takes sparsity or a pattern, one of them, and "
                "no threshold"
            )
        return self

    @model_validator(mode="after")
    def _criterion_fits(self) -> Self:
        compared = self.criterion in {"magnitude", "taylor"} and self.pattern is None
        if self.scope == "global" and not compared:
            raise ValueError(
                "only magnitude and taylor compare layers, and not in a pattern; leave scope "
                "out"
            )
        if self.epochs and self.criterion in LOOKS:
            raise ValueError(
                f"the criterion {self.criterion} prunes at once; leave epochs out, and train "
                "in a step of its own"
            )
        if self.epochs and self.reestimate_norms:
            raise ValueError("training takes the statistics anew; leave reestimate_norms out")
        return self
