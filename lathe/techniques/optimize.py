"""Graph clean-up that keeps the function: folding, fusing, dropping what nothing reads."""

from typing import Literal

from lathe.techniques.step import Step


class OptimizeGraph(Step):
    """Fold constants, merge BatchNormalization into Conv, remove dead and repeated nodes."""

    technique: Literal["optimize.graph"] = "optimize.graph"
