"""Where a technique's method is written down: modules below worker/engine, the formulas first.

One entry a technique of the registry; a page shows the docstrings of its modules.
"""

METHODS: dict[str, tuple[str, ...]] = {
    "optimize.graph": ("optimize/graph", "optimize/batch_norm"),
    "analyze.sensitivity": ("sensitivity/analyze", "sensitivity/divergence"),
    "prune.channels": (
        "prune/importance",
        "prune/channels/geometric_median",
        "prune/channels/activity",
        "prune/channels/reconstruction",
        "layerwise/aim",
        "prune/ranking",
        "prune/channels/groups",
        "prune/channels/gradual",
        "prune/norms",
    ),
    "prune.neurons": ("prune/channels/activity",),
    "prune.heads": (
        "prune/heads/find",
        "prune/along/importance",
        "prune/along/loudness",
        "prune/along/mask_gradient",
    ),
    "prune.units": (
        "prune/units/find",
        "prune/along/importance",
        "prune/along/loudness",
        "prune/along/mask_gradient",
    ),
    "prune.embeddings": (
        "prune/embeddings/find",
        "prune/along/importance",
        "prune/along/loudness",
        "prune/along/mask_gradient",
    ),
    "prune.blocks": ("prune/blocks/find", "prune/blocks/influence", "prune/blocks/choose"),
    "prune.weights": (
        "prune/weights/at_once",
        "prune/lamp",
        "prune/weights/loss_scores",
        "prune/weights/wanda",
        "prune/weights/sparsegpt",
        "prune/weights/pattern",
        "prune/weights/rising_mask",
        "prune/norms",
    ),
    "prune.sensing": ("prune/weights/net_trim", "prune/weights/response"),
    "decompose.svd": (
        "decompose/singular",
        "decompose/by_svd",
        "decompose/felt",
        "decompose/allocate",
        "decompose/vbmf",
    ),
    "decompose.tucker": (
        "decompose/tucker",
        "decompose/by_tucker",
        "decompose/allocate",
        "decompose/vbmf",
    ),
    "decompose.cp": ("decompose/cp", "decompose/by_cp", "decompose/allocate"),
    "train.recover": ("losses", "train/schedule"),
    "train.distill": ("train/imitation", "losses", "train/features", "train/schedule"),
    "train.regularize": ("train/proximal", "train/shrinking"),
    "train.rate_distortion": ("rate/priced_steps", "rate/penalty", "rate/density"),
    "share.rate_distortion": (
        "rate/rounds",
        "rate/choice",
        "rate/fisher",
        "rate/post/share",
        "rate/post/sensitivity",
        "rate/post/steps",
        "rate/post/layer",
        "layerwise/feedback",
    ),
    "share.weights": ("share/kmeans",),
    "share.dictionary": ("share/dictionary", "share/sparse_code", "share/dictionary_size"),
    "share.kernels": ("share/kernels", "share/kernel_means"),
    "quantize.static": (
        "quantize/static/lower",
        "quantize/static/writer",
        "quantize/static/calibrate",
        "quantize/static/histogram",
        "quantize/static/least_error",
        "quantize/static/equalize",
        "quantize/static/smooth",
        "quantize/static/bias_correction",
        "quantize/static/back_off",
    ),
    "quantize.aware": (
        "quantize/aware/learned_step",
        "quantize/aware/weights",
        "quantize/aware/activations",
        "quantize/aware/biases",
        "quantize/aware/train",
    ),
    "quantize.dynamic": ("quantize/dynamic", "quantize/weight_grid"),
    "quantize.choose": ("quantize/choose", "quantize/variants"),
    "quantize.weights": (
        "quantize/blocks/grid",
        "quantize/blocks/hqq",
        "quantize/blocks/gptq",
        "quantize/blocks/adaround",
        "quantize/blocks/chosen",
    ),
    "quantize.log2": ("quantize/powers_of_two", "quantize/log2"),
    "quantize.mixed": ("quantize/mixed/mixed", "quantize/mixed/search"),
    "quantize.float": ("quantize/float16", "quantize/half", "quantize/bfloat16"),
    "encode.entropy": ("encode/entropy", "encode/cost", "encode/huffman"),
}


def methods_of(technique: str) -> tuple[str, ...]:
    """The modules of `technique`; raises LookupError where it has no entry."""
    if technique not in METHODS:
        raise LookupError(f"docs/generate/methods.py has no entry for {technique}")
    return METHODS[technique]
