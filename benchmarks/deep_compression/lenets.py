"""LeNet-300-100 and LeNet-5 on MNIST: the recipe, the classic one, and each ingredient left
out."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.deep_compression.baselines import baselines
from benchmarks.deep_compression.mnist import HOLD_OUT, PIXELS, Mnist, normalised
from benchmarks.deep_compression.networks import LENET_5, LENET_300_100
from benchmarks.deep_compression.rows import Row
from benchmarks.deep_compression.stage import Given, Stage
from benchmarks.deep_compression.steps import (
    MILD,
    PACK,
    Steps,
    changed,
    expanded,
    without,
)
from benchmarks.deep_compression.teachers import TEACHERS

PARAMETERS = {LENET_300_100: 266_610, LENET_5: 431_080}
MAX_DROP = {LENET_300_100: 0.0045, LENET_5: 0.0040}
EPOCHS = {LENET_300_100: 40, LENET_5: 30}
KEEP_PARAMETERS: dict[str, float | None] = {LENET_300_100: None, LENET_5: 0.04}
QUICK_EXAMPLES = 9_000
CLASSIC = {LENET_300_100: 0.95, LENET_5: 0.95}


def given(stage: Stage, name: str, seed: int) -> Given:
    """Baselines trained where they are missing, and everything uploaded."""
    folder = baselines(stage.data, stage.build, seed, quick=stage.quick)
    mnist = Mnist.read(stage.data)
    shown = QUICK_EXAMPLES if stage.quick else None
    arrays = {
        "train/image": mnist.images[:shown],
        "train/label": mnist.labels[:shown],
        "test/image": mnist.test_images,
        "test/label": mnist.test_labels,
    }
    dataset = stage.dataset("mnist", arrays, {"image": PIXELS})
    test = {"image": normalised(mnist.test_images).numpy(), "label": mnist.test_labels}
    dense = folder / f"{name}.onnx"
    return Given(
        subject=name,
        seed=seed,
        dense=dense,
        dense_bytes=4 * PARAMETERS[name],
        model=stage.model(dense),
        job={
            "data": {
                "train": {"dataset": dataset, "split": "train"},
                "evaluation": {"dataset": dataset, "split": "test"},
            },
            "task": {"kind": "classification"},
        },
        test=stage.test("mnist", test),
        teachers=tuple(stage.model(folder / f"{teacher}.onnx") for teacher in TEACHERS),
    )


def taught(start: Given) -> dict[str, object]:
    """By the original and both larger nets, on changed copies too."""
    names = ("baseline", *start.teachers)
    return {"teachers": [{"model": name} for name in names], "augment": MILD}


def recipe(start: Given, *, quick: bool) -> dict[str, object]:
    """`deep-compression` on labels alone: of changed copies they teach more than teachers do,
    and in a third of the time."""
    return {
        "recipe": "deep-compression",
        "target": {"max_drop": MAX_DROP[start.subject]},
        "keep_parameters": KEEP_PARAMETERS[start.subject],
        "epochs": 4 if quick else EPOCHS[start.subject],
        "hold_out": HOLD_OUT,
        "teachers": [],
        "augment": MILD,
    }


def steps_of_recipe(start: Given, *, quick: bool) -> Steps:
    """The recipe's steps, to leave one thing out of."""
    return expanded(recipe(start, quick=quick))


def classic(start: Given, *, quick: bool) -> Steps:
    """Prune, k-means, Huffman: Han, Mao and Dally's own, with a teacher and augmentation."""
    common: dict[str, object] = {
        "batch_size": 256,
        "loss": {"hard": 0.1, "logits": {"weight": 0.9, "temperature": 2}},
        "hold_out": HOLD_OUT,
        **taught(start),
    }
    prune = {
        "technique": "prune.weights",
        "sparsity": CLASSIC[start.subject],
        "scope": "global",
        "epochs": 3 if quick else 15,
        "optimizer": {"kind": "adam", "lr": 1.5e-3},
    }
    share = {"technique": "share.weights", "bits": 4, "epochs": 1 if quick else 4}
    return [prune | common, share | common, PACK]


def with_teachers(start: Given, *, quick: bool) -> dict[str, object]:
    """The original and both larger nets teach, labels count a tenth."""
    return recipe(start, quick=quick) | taught(start)


def no_augmentation(start: Given, *, quick: bool) -> dict[str, object]:
    """The images as they are."""
    return recipe(start, quick=quick) | {"augment": None}


def no_rate_term(start: Given, *, quick: bool) -> Steps:
    """About as many weights by magnitude, shared by k-means, coded as small as can be."""
    sparser = {"sparsity": 0.982 if start.subject == LENET_300_100 else 0.993}
    steps = changed(classic(start, quick=quick), "prune.weights", **sparser)
    return changed(steps, "share.weights", bits=3)


def no_rounds(start: Given, *, quick: bool) -> Steps:
    """Training for a rate, then the coder."""
    return without(steps_of_recipe(start, quick=quick), "share.rate_distortion")


def fast_coder(start: Given, *, quick: bool) -> Steps:
    """The same network in the profile that decodes by the vector."""
    return changed(steps_of_recipe(start, quick=quick), "encode.entropy", profile="fast")


def no_slimming(start: Given, *, quick: bool) -> dict[str, object]:
    """Training for a rate from the whole network on."""
    return recipe(start, quick=quick) | {"keep_parameters": None}


Pipeline = Callable[..., object]
MAIN: dict[str, Pipeline] = {"deep-compression": recipe, "classic": classic}
ABLATION: dict[str, Pipeline] = {
    "fast-coder": fast_coder,
    "no-rounds": no_rounds,
    "no-rate-term": no_rate_term,
    "with-teachers": with_teachers,
    "no-augmentation": no_augmentation,
    "no-slimming": no_slimming,
}


def cases(name: str, *, ablation: bool) -> dict[str, Pipeline]:
    """The pipelines of one network, in an order that reuses cached steps."""
    chosen = MAIN | (ABLATION if ablation else {})
    return {
        case: make for case, make in chosen.items() if case != "no-slimming" or name == LENET_5
    }


def folder_of(build: Path, *, quick: bool) -> Path:
    """Where rows are kept."""
    return build / ("quick-rows" if quick else "rows")


def row(stage: Stage, name: str, case: str, seed: int) -> Row:
    """One case of one network."""
    start = given(stage, name, seed)
    pipeline = (MAIN | ABLATION)[case](start, quick=stage.quick)
    return stage.row(start, case, pipeline)
