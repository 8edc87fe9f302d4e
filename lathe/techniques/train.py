"""Training steps: recover what an earlier step cost, alone or taught by a teacher."""

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from lathe.ids import ModelId
from lathe.spec import Spec
from lathe.techniques.augment import Augment
from lathe.techniques.step import LayerId, Needs, Step

Decay = Annotated[float, Field(ge=0, lt=1)]
USUAL_BETAS = (0.9, 0.999)
BASELINE: Final = "baseline"  # as a teacher: the model that the job is compared with
Schedule = Literal["constant", "linear", "cosine"]


class Sgd(Spec):
    """Stochastic gradient descent with Nesterov momentum."""

    kind: Literal["sgd"] = "sgd"
    lr: float = Field(0.05, gt=0, le=10, description="Learning rate at its highest.")
    momentum: float = Field(
        0.9, ge=0, lt=1, description="Part of the last step that is taken again."
    )
    weight_decay: float = Field(
        5e-4, ge=0, lt=1, description="Of every weight, its part that is added to its gradient."
    )


class Adam(Spec):
    """Adam; Kingma and Ba 2015."""

    kind: Literal["adam"] = "adam"
    lr: float = Field(1e-3, gt=0, le=10, description="Learning rate at its highest.")
    betas: tuple[Decay, Decay] = Field(
        USUAL_BETAS,
        exclude_if=lambda betas: betas == USUAL_BETAS,  # older workers do not know the key
        description="Decay of the running mean of gradients and of their squares.",
    )
    weight_decay: float = Field(
        0.0, ge=0, lt=1, description="Of every weight, its part that is added to its gradient."
    )


class AdamW(Spec):
    """Adam with decoupled weight decay; Loshchilov and Hutter 2019."""

    kind: Literal["adamw"] = "adamw"
    lr: float = Field(1e-3, gt=0, le=10, description="Learning rate at its highest.")
    weight_decay: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="Of every weight, its part that a step takes off, times lr.",
    )


class Adagrad(Spec):
    """Adagrad: each weight's rate falls with the squares it has seen; Duchi et al. 2011."""

    kind: Literal["adagrad"] = "adagrad"
    lr: float = Field(0.01, gt=0, le=10, description="Learning rate at its highest.")
    weight_decay: float = Field(
        0.0, ge=0, lt=1, description="Of every weight, its part that is added to its gradient."
    )


Optimizer = Annotated[Sgd | Adam | AdamW | Adagrad, Field(discriminator="kind")]


class EarlyStopping(Spec):
    """Stop after `patience` epochs without a better score on the held-out part of train."""

    patience: int = Field(5, ge=1, le=1000, description="Epochs without a better score.")
    min_delta: float = Field(
        0.0, ge=0, description="What a score has to be better by, in its own unit."
    )


class Training(Step):
    """How long and how fast to train. The kept weights are those of the best epoch on the
    held-out part of the train split; the evaluation split is never looked at."""

    needs: ClassVar[Needs] = Needs(train=True, labels=True, torch_view=True)
    revision: ClassVar[int] = 2

    optimizer: Optimizer = Field(
        default_factory=Adam, description="How weights follow their gradients."
    )
    epochs: int = Field(3, ge=1, le=10_000, description="Passes over the train examples.")
    batch_size: int = Field(64, ge=1, le=65_536, description="Examples of one step.")
    schedule: Schedule = Field("cosine", description="Learning rate over the whole run.")
    warmup: float = Field(
        0.0,
        ge=0,
        lt=1,
        exclude_if=lambda warmup: warmup == 0,  # older workers do not know the key
        description="Part of the run in which the learning rate first rises to `lr`.",
    )
    hold_out: float = Field(
        0.1, gt=0, lt=0.9, description="Fraction of train kept apart to choose the epoch."
    )
    max_samples: int | None = Field(
        None, ge=1, description="See at most this many train examples an epoch; default all."
    )
    early_stopping: EarlyStopping | None = Field(
        None, description="When to stop before `epochs`; default never."
    )
    augment: Augment | None = Field(
        None,
        exclude_if=lambda augment: augment is None,  # older workers do not know the key
        description="Train on changed copies of the images too; held-out ones stay.",
    )


BatchNorms = Annotated[
    Literal["restore", "none"],
    Field(
        exclude_if=lambda norms: norms == "none",  # older workers do not know the key
        description="restore: while it trains, a BatchNorm stands again behind each Conv into "
        "which an exporter may have merged one, with the mean and variance that its output has "
        "on train examples, so that the function stays; afterwards it is merged again.",
    ),
]


class Recover(Training):
    """Fine-tune on the labels of the train split."""

    revision: ClassVar[int] = 3

    technique: Literal["train.recover"] = "train.recover"
    batch_norms: BatchNorms = "none"


class Teacher(Spec):
    """A model whose outputs are imitated: the baseline, or an uploaded model."""

    model: ModelId | Literal["baseline"] = Field(
        BASELINE, description="Id of an uploaded model, or the job's baseline."
    )
    weight: float = Field(1.0, gt=0, le=1000, description="Relative to the other teachers.")


class LogitsLoss(Spec):
    """T^2 KL(teacher || student) of softened outputs; for other tasks the squared error."""

    weight: float = Field(0.9, gt=0, le=1, description="Of this term in the loss.")
    temperature: float = Field(
        4.0, gt=0, le=100, description="T, by which logits are divided before their softmax."
    )


class DistillLoss(Spec):
    """L = hard L_task + logits.weight T^2 KL(teacher || student).

    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network",
    arXiv:1503.02531, section 2.
    """

    hard: float = Field(0.1, ge=0, le=1, description="Weight of the task's own loss.")
    logits: LogitsLoss = Field(
        default_factory=LogitsLoss, description="How the teachers' outputs are imitated."
    )


class Feature(Spec):
    """Values of a layer that the student is to have as its first teacher has them.

    hint: their squared error, behind a learnt 1x1 convolution where the numbers of channels
    differ; Romero et al., "FitNets", arXiv:1412.6550. attention: where they are large, whatever
    the channels; Zagoruyko and Komodakis, arXiv:1612.03928.
    """

    layer: LayerId = Field(description="Of the student, by layer id.")
    teacher_layer: LayerId | None = Field(None, description="Default: the same id.")
    kind: Literal["hint", "attention"] = "hint"
    weight: float = Field(1.0, gt=0, le=1e6, description="Of its distance in the loss.")


class Taught(Training):
    """Training against the softened outputs of teachers, or without any on labels alone."""

    needs: ClassVar[Needs] = Needs(train=True, torch_view=True)

    teachers: tuple[Teacher, ...] = Field(
        (Teacher(),),
        max_length=8,
        description="Whose outputs are imitated; none: labels alone.",
    )
    loss: DistillLoss = Field(
        default_factory=DistillLoss, description="What labels and teachers weigh."
    )

    @model_validator(mode="after")
    def _different_teachers(self) -> Self:
        names = [teacher.model for teacher in self.teachers]
        if len(set(names)) < len(names):
            raise ValueError("name each teacher once; use its weight to count it more")
        if not names and not self.loss.hard:
            raise ValueError("there is nothing to learn: name a teacher, or raise loss.hard")
        return self


class Regularize(Taught):
    """Train with a penalty that makes weights zero, whole rows zero, or matrices low-rank.

    After every step of the optimiser the penalty's proximal operator is applied with
    lr * strength. What it leaves pays in a later step: zeros in encode.entropy, empty rows in
    prune.channels, low ranks in decompose.
    """

    technique: Literal["train.regularize"] = "train.regularize"
    penalty: Literal["l1", "group_lasso", "nuclear_norm"] = Field(
        "l1",
        description="l1: sum of magnitudes; group_lasso: sum of the norms of what each output "
        "adds up, times the root of their size; nuclear_norm: sum of singular values.",
    )
    strength: float = Field(
        0.1, gt=0, le=1e4, description="Of the penalty, in units of the loss."
    )
    protect: tuple[LayerId, ...] = Field(
        (), description="Layers without a penalty, by layer id."
    )
    teachers: tuple[Teacher, ...] = Field((), max_length=8)
    loss: DistillLoss = Field(default_factory=lambda: DistillLoss(hard=1.0))


class Distill(Taught):
    """Train against the softened outputs of one or several teachers."""

    revision: ClassVar[int] = 3

    technique: Literal["train.distill"] = "train.distill"
    teachers: tuple[Teacher, ...] = Field((Teacher(),), min_length=1, max_length=8)
    features: tuple[Feature, ...] = Field(
        (),
        max_length=32,
        exclude_if=lambda features: not features,  # older workers do not know the key
        description="Layers whose values are imitated besides the outputs.",
    )
    batch_norms: BatchNorms = "none"
    student: ModelId | None = Field(
        None,
        exclude_if=lambda student: student is None,  # older workers do not know the key
        description="Id of an uploaded model with the inputs and outputs of the job's model, "
        "trained or not, that takes its place: it is taught, and later steps compress it. "
        "Only in the first step. It imitates every float output. Default: the job's model is "
        "taught itself.",
    )

    @model_validator(mode="after")
    def _student_learns_from_others(self) -> Self:
        if self.student in {teacher.model for teacher in self.teachers}:
            raise ValueError("student: a network cannot teach itself; name another teacher")
        return self

    @model_validator(mode="after")
    def _features_are_what_layers_make(self) -> Self:
        if self.features and self.batch_norms == "restore":
            raise ValueError(
                "batch_norms: a restored BatchNorm would stand between a layer and the "
                "features that are compared; leave one of the two out"
            )
        return self
