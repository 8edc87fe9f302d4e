"""The modules whose maths is mutated, and the tests that should notice.

A module is here when a wrong sign in it would give a worse network and no error. Its tests are
those of the file that mirrors it, unless others are named.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENGINE = Path("worker/engine")

ROOMS = {
    "decompose": "allocate cp singular tucker vbmf",
    "encode": "cost huffman",
    ".": "gate losses",
    "layerwise": "aim feedback",
    "prune/along": "counts importance loudness mask_gradient",
    "prune/blocks": "influence",
    "prune/channels": "geometric_median reconstruction",
    "prune": "importance lamp norms ranking",
    "prune/weights": "loss_scores net_trim response rising_mask selection sparsegpt wanda",
    "quantize/aware": "learned_step weights",
    "quantize/blocks": "adaround gptq grid hqq",
    "quantize/mixed": "search",
    "quantize": "powers_of_two weight_grid",
    "quantize/static": "bias_correction equalize histogram least_error smooth",
    "rate": "choice density fisher grid penalty",
    "rate/post": "layer sensitivity steps",
    "sensitivity": "divergence",
    "share": "kernel_means kmeans sparse_code",
    "train": "features imitation joint proximal schedule warp",
}
NAMES = tuple(str(Path(room) / name) for room, names in ROOMS.items() for name in names.split())
UNITS = ("prune/heads/test_prune", "prune/units/test_prune")
OTHER_TESTS = {
    "prune/along/counts": ("prune/along/test_counts", "prune/embeddings/test_prune"),
    "prune/along/importance": UNITS,
    "prune/along/loudness": ("prune/along/test_loudness", *UNITS),
    "prune/along/mask_gradient": ("prune/along/test_mask_gradient", *UNITS),
    "prune/blocks/influence": ("prune/blocks/test_influence", "prune/blocks/test_prune"),
    "quantize/mixed/search": ("quantize/mixed/test_search", "quantize/mixed/test_mixed"),
    "train/features": ("train/test_features", "train/test_hints"),
    "train/imitation": ("train/test_imitation", "train/test_objective", "train/test_distill"),
}
TUNING: dict[str, dict[str, str]] = {
    "decompose/vbmf": dict.fromkeys(
        ("GRID", "REFINEMENTS", "BISECTIONS"), "how closely a zero and a minimum are looked for"
    ),
    "decompose/tucker": {"TOLERANCE": "when a round gains too little for another"},
    "layerwise/feedback": {"BLOCK": "how many columns are brought up to date at once"},
    "prune/along/loudness": {
        "ROWS": "how much is listened to",
        "SCORED": "what is said of the step's progress",
    },
    "prune/along/mask_gradient": {"SCORED": "what is said of the step's progress"},
    "prune/lamp": dict.fromkeys(("BINS", "ROUNDS"), "room for all bins, and halvings enough"),
    "prune/weights/net_trim": {
        **dict.fromkeys(("HALVINGS", "LEAST"), "how closely the largest multiplier is found"),
        **dict.fromkeys(("STEPS", "SOLVED", "REFIT_STEPS"), "when a solution is near enough"),
    },
    "quantize/static/equalize": dict.fromkeys(("ROUNDS", "STILL"), "when a chain is done"),
    "rate/post/sensitivity": dict.fromkeys(("PROBES", "BATCHES"), "how often it is measured"),
    "train/imitation": {"ASKED_TOGETHER": "how many examples are answered at once"},
    "share/kmeans": dict.fromkeys(
        ("EXACT_WEIGHTS", "BINS"), "how many weights are counted in bins, and room for the bins"
    ),
    "share/kernel_means": {"ROWS": "how many distances are held at once"},
    "share/sparse_code": {"SETTLED": "when a round gains too little for another"},
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
