"""Half the work: channels removed, then taught by the original."""

from typing import Literal

from lathe.recipes.recipe import Given, Plan, Recipe
from lathe.techniques.prune import PruneChannels
from lathe.techniques.train import Distill, DistillLoss

KEEP_MACS = 0.5
EPOCHS = 10


class Slim50(Recipe):
    """prune.channels to half the multiply-accumulates, then train.distill."""

    recipe: Literal["slim-50"] = "slim-50"

    def plan(self, given: Given) -> Plan:
        """Two steps. Without a loss of its own the student follows the teacher alone."""
        if not given.train:
            raise ValueError(
                "pipeline.recipe: slim-50 trains what is left; give data.train, or take "
                "prune.channels alone"
            )
        loss = DistillLoss() if given.loss_of_its_own else DistillLoss(hard=0)
        return Plan(
            (
                PruneChannels(criterion="reconstruction", keep_macs=KEEP_MACS),
                Distill(loss=loss, epochs=EPOCHS, batch_norms="restore"),
            )
        )
