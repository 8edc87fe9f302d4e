"""All pages of docs/techniques, by file name."""

from pathlib import Path

from benchmarks.matrix.techniques import name_of
from docs.generate.fields import table
from docs.generate.measured import NOT_YET, example, grid, matrix
from docs.generate.prose import markdown
from docs.generate.technique import PHASES, page, summary, values
from lathe.techniques import TECHNIQUES

FOLDER = Path(__file__).resolve().parents[1] / "techniques"
INTRODUCTION = (
    "What a pipeline may name. A step takes the state that the one before it left, and phases "
    "come in their order. [matrix.md](matrix.md) shows every technique on thirteen networks, "
    "[values.md](values.md) what fields like `optimizer` hold."
)
VALUES = (
    "What the fields of [techniques](README.md) hold. Where several are offered, the field "
    "that takes a single word tells them apart."
)
MADE = "<!-- made by `make docs`; change the code it comes from -->\n\n"


def pages() -> dict[str, str]:
    """File name to Markdown: the index, the matrix, the values, and one page a technique."""
    made = {"README.md": _index(), "matrix.md": _matrix(), "values.md": _values()}
    made |= {f"{name_of(step)}.md": page(step) for step in TECHNIQUES}
    return {name: MADE + text for name, text in made.items()}


def unmeasured() -> list[str]:
    """Techniques without a committed measurement."""
    return [name_of(step) for step in TECHNIQUES if example(name_of(step)) == NOT_YET]


def _index() -> str:
    rows = [
        f"| [{name}]({name}.md) | {step.phase.name.lower()} | {summary(step)} |"
        for name, step in ((name_of(step), step) for step in TECHNIQUES)
    ]
    return "\n".join(
        [
            "# Techniques",
            "",
            INTRODUCTION,
            "",
            *(f"- {told}." for told in PHASES.values()),
            "",
            "| technique | phase | what it does |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _matrix() -> str:
    result = matrix()
    head = (
        "# The matrix\n\n"
        "Every technique alone on thirteen small networks, with little more than its defaults, "
        "as a job over HTTP. Times smaller and faster are those of the ONNX file against the "
        "upload; `packed` says that the file is neither smaller nor faster, and how much "
        "smaller it is entropy-coded; `refused` is a refusal with a reason, which the "
        "technique's page shows. What may be refused was written down before, in "
        "[allowed_refusals.py](../../benchmarks/matrix/allowed_refusals.py).\n\n"
    )
    if result is None:
        return head + "No run is committed yet: `make bench-matrix` makes one.\n"
    environment = result["environment"]
    where = f"{environment['cpu']}, {environment['threads']} thread(s), {result['at'][:10]}"
    limits = "\n".join(
        f"- {line['what']}: {line['value']:g} "
        f"({'at least' if line['at_least'] else 'at most'} {line['target']:g} wanted)"
        for line in result["lines"]
    )
    names = [name_of(step) for step in TECHNIQUES]
    return f"{head}{grid(names)}\n\n{limits}\n\nMeasured on {where}.\n"


def _values() -> str:
    parts = [
        "# Values inside a step",
        VALUES,
    ]
    for name, value in values(TECHNIQUES).items():
        if name in {step.__name__ for step in TECHNIQUES}:
            where = name_of(value)  # type: ignore[arg-type]
            parts += [f"## {name}", f"The step [{where}]({where}.md)."]
            continue
        said = "\n".join(line.strip() for line in (value.__doc__ or "").strip().splitlines())
        parts += [f"## {name}", markdown(said), table(value)]
    return "\n\n".join(part for part in parts if part) + "\n"
