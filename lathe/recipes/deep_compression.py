"""A packed file as small as a target allows.

Han, Mao and Dally, "Deep Compression: Compressing Deep Neural Networks with Pruning, Trained
Quantization and Huffman Coding", ICLR 2016, arXiv:1510.00149; trained steps and a rate term
take the place of pruning and k-means.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from lathe.recipes.recipe import Given, Plan, Recipe
from lathe.recipes.target import Target, target_of
from lathe.techniques import AnyStep
from lathe.techniques.augment import Augment
from lathe.techniques.encode import EncodeEntropy, Profile
from lathe.techniques.prune import PruneChannels
from lathe.techniques.rate import RateDistortion, RateTarget, ShareRateDistortion
from lathe.techniques.step import LayerId
from lathe.techniques.train import Distill, DistillLoss, LogitsLoss, Recover, Teacher

HARD = 0.1  # weight of the labels' own loss beside the teacher's
TEMPERATURE = 2.0
BATCH_SIZE = 256
SLIMMING_ROUNDS = 8
ROUNDS = 4  # of cheaper codes, where a drop is the target
ROUNDS_TO_SIZE = 10  # where a size is; there they end as soon as it is reached


class DeepCompression(Recipe):
    """The smallest packed file that keeps the target, trained where there are train data."""

    recipe: Literal["deep-compression"] = "deep-compression"
    target: Target | None = Field(
        None, description="Default: the job's own limits, else max_drop 0.005."
    )
    teachers: tuple[Teacher, ...] = Field(
        (Teacher(),),
        max_length=8,
        description="Default: the original. None: the labels of train alone.",
    )
    labels: bool = Field(
        True, description="Learn from the labels of train too, where the task has any."
    )
    augment: Augment | None = Field(None, description="Train on changed copies of images too.")
    keep_parameters: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="First remove channels and neurons until this fraction of parameters is "
        "left; it makes training the rest of a large net cheaper.",
    )
    epochs: int = Field(20, ge=2, le=10_000, description="Epochs of training while bits cost.")
    hold_out: float = Field(
        0.1, gt=0, lt=0.9, description="Fraction of train kept apart to choose by."
    )
    protect: tuple[LayerId, ...] = Field((), description="Layers that keep their floats.")
    profile: Profile = Field("small", description="As in encode.entropy.")

    @model_validator(mode="after")
    def _different_teachers(self) -> Self:
        names = [teacher.model for teacher in self.teachers]
        if len(set(names)) < len(names):
            raise ValueError("teachers: name each once; use its weight to count it more")
        return self

    def plan(self, given: Given) -> Plan:
        """With train data: weights learn coarse steps, and to be zero, for what bits cost.
        Then, by the job's data or without any, each weight takes the code that is worth its
        bits, as long as the target holds."""
        target = self.target or target_of(given)
        limits = () if target is None else (target.limit(given),)
        steps: tuple[AnyStep, ...] = (
            self._sharing(given, target),
            EncodeEntropy(profile=self.profile),
        )
        if _trains(given):
            steps = (self._training(given), *steps)
        if self.keep_parameters is not None:
            steps = (self._slimming(given, self.keep_parameters), *steps)
        return Plan(steps, tuple(limit for limit in limits if limit not in given.limits))

    def _slimming(self, given: Given, keep_parameters: float) -> PruneChannels:
        if not given.train:
            raise ValueError(
                "pipeline.keep_parameters: what is left has to be trained; give data.train, or "
                "leave this out"
            )
        return PruneChannels(
            criterion="taylor" if self._follows(given) else "l2",
            keep_parameters=keep_parameters,
            rounds=SLIMMING_ROUNDS,
            protect=self.protect,
            recover=self._repair(given),
        )

    def _repair(self, given: Given) -> Recover | Distill:
        usual = Recover(
            augment=self.augment, hold_out=self.hold_out, batch_size=BATCH_SIZE, epochs=1
        )
        if not self.teachers:
            return usual
        fields = usual.model_dump(exclude={"technique"}) | {"teachers": self.teachers}
        return Distill(**fields, loss=self._loss(given))

    def _training(self, given: Given) -> RateDistortion:
        return RateDistortion(
            teachers=self.teachers,
            loss=self._loss(given),
            augment=self.augment,
            epochs=self.epochs,
            settle_epochs=self.epochs // 2,
            hold_out=self.hold_out,
            protect=self.protect,
        )

    def _sharing(self, given: Given, target: Target | None) -> ShareRateDistortion:
        sized = target is not None and target.max_bytes is not None
        trains = _trains(given)
        return ShareRateDistortion(
            assignment="rounds" if trains else "feedback",
            teachers=self.teachers,
            loss=self._loss(given),
            augment=self.augment,
            epochs=self.epochs // 2 if trains else 0,
            hold_out=self.hold_out,
            rounds=ROUNDS_TO_SIZE if sized else ROUNDS,
            target=RateTarget(profile=self.profile, **target.model_dump()) if target else None,
            protect=self.protect,
        )

    def _loss(self, given: Given) -> DistillLoss:
        follows = self._follows(given)
        if not self.teachers:
            if given.train and not follows:
                raise ValueError(
                    "pipeline.teachers: without labels only a teacher can be learned from; "
                    "name one, or leave this out for the original"
                )
            return DistillLoss(hard=1)
        logits = LogitsLoss(weight=1 - HARD if follows else 1, temperature=TEMPERATURE)
        return DistillLoss(hard=HARD if follows else 0, logits=logits)

    def _follows(self, given: Given) -> bool:
        """Whether there are labels to learn from, and they are wanted."""
        return self.labels and given.loss_of_its_own


def _trains(given: Given) -> bool:
    """Whether there are data to train on; pairs are none, but can still calibrate."""
    return given.train and given.task != "similarity"
