"""The modules whose maths is mutated, and the tests that should notice.

A module is here when a wrong sign in it would give a worse network and no error. Its tests are
those of the file that mirrors it, unless others are named.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENGINE = Path("worker/engine")

NAMES = (
    *("decompose/allocate", "decompose/cp", "decompose/singular"),
    *("decompose/tucker", "decompose/vbmf"),
    *("encode/cost", "encode/huffman"),
    *("layerwise/aim", "layerwise/feedback"),
    *("losses", "gate"),
    *("prune/along/importance", "prune/along/loudness", "prune/along/mask_gradient"),
    *("prune/blocks/influence",),
    *("prune/geometric_median", "prune/importance", "prune/lamp", "prune/loss_scores"),
    *("prune/net_trim", "prune/norms", "prune/ranking", "prune/response"),
    *("prune/rising_mask", "prune/selection", "prune/sparsegpt", "prune/wanda"),
    *("quantize/aware/learned_step", "quantize/aware/weights", "quantize/bias_correction"),
    *("quantize/equalize", "quantize/least_error", "quantize/mixed/search"),
    *("quantize/smooth", "sensitivity/divergence"),
    *("quantize/blocks/adaround", "quantize/blocks/gptq", "quantize/blocks/grid"),
    *("quantize/blocks/hqq", "quantize/histogram", "quantize/powers_of_two"),
    *("quantize/weight_grid",),
    *("rate/choice", "rate/density", "rate/fisher", "rate/grid", "rate/penalty"),
    *("rate/post/layer", "rate/post/sensitivity", "rate/post/steps"),
    *("share/kernel_means", "share/kmeans", "share/sparse_code"),
    *("train/features", "train/imitation", "train/proximal", "train/schedule"),
    *("train/warp",),
)
UNITS = ("prune/heads/test_prune", "prune/units/test_prune")
OTHER_TESTS = {
    **dict.fromkeys(("prune/along/importance", "prune/along/loudness"), UNITS),
    "prune/along/mask_gradient": UNITS,
    "prune/blocks/influence": ("prune/blocks/test_prune",),
    "quantize/mixed/search": ("quantize/mixed/test_mixed",),
    "train/features": ("train/test_features", "train/test_hints"),
    "train/imitation": ("train/test_objective", "train/test_distill"),
}
TUNING: dict[str, dict[str, str]] = {
    "share/kmeans": dict.fromkeys(
        ("EXACT_WEIGHTS", "BINS"), "how many weights are counted in bins, and room for the bins"
    ),
}


@dataclass(frozen=True, slots=True)
class Module:
    """One source file and its test files, relative to the root. Constants of `tuning` decide
    how fast it works and not what comes out: they are not mutated."""

    source: Path
    tests: tuple[Path, ...]
    tuning: frozenset[str]

    @property
    def dotted(self) -> str:
        """As it is imported."""
        return ".".join(self.source.with_suffix("").parts)


def modules() -> tuple[Module, ...]:
    """All of them; raises FileNotFoundError where a file is not there."""
    found = tuple(_module(name) for name in NAMES)
    for module in found:
        for path in (module.source, *module.tests):
            if not (ROOT / path).is_file():
                raise FileNotFoundError(f"{path}, of tests/mutants/modules.py, is not there")
    return found


def _module(name: str) -> Module:
    *folders, last = name.split("/")
    mirrored = "/".join((*folders, f"test_{last}"))
    tests = OTHER_TESTS.get(name, (mirrored,))
    return Module(
        ENGINE / f"{name}.py",
        tuple(Path("tests/unit") / ENGINE / f"{t}.py" for t in tests),
        frozenset(TUNING.get(name, ())),
    )
