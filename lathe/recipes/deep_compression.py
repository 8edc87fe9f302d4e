"""A packed file as small as a target allows.

Han, Mao and Dally, "Deep Compression: Compressing Deep Neural Networks with Pruning, Trained
Quantization and Huffman Coding", ICLR 2016, arXiv:1510.00149.
"""

from typing import Literal

from pydantic import Field

from lathe.recipes.recipe import Given, Plan, Recipe
from lathe.recipes.target import Target, target_of
from lathe.techniques.encode import EncodeEntropy, Profile


class DeepCompression(Recipe):
    """The smallest packed file that keeps the target, trained where there are train data."""

    recipe: Literal["deep-compression"] = "deep-compression"
    target: Target | None = Field(
        None, description="Default: the job's own limits, else max_drop 0.005."
    )
    profile: Profile = Field("small", description="As in encode.entropy.")

    def plan(self, given: Given) -> Plan:
        """As many steps as the job's data allow, encode.entropy at the end."""
        target = self.target or target_of(given)
        limits = () if target is None else (target.limit(given),)
        return Plan(
            (EncodeEntropy(profile=self.profile),),
            tuple(limit for limit in limits if limit not in given.limits),
        )
