"""The generated pages of docs/techniques are those of the code as it is."""

import pytest

from benchmarks.matrix.techniques import name_of
from docs.generate import methods
from docs.generate.fields import TAGS, description
from docs.generate.pages import FOLDER, pages, unmeasured
from docs.generate.prose import markdown
from docs.generate.technique import values
from lathe.techniques import TECHNIQUES


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


def test_every_page_is_there_and_as_it_would_be_written_now(
    made: dict[str, str],
) -> None:
    there = {path.name: path.read_text() for path in FOLDER.glob("*.md")}
    assert there.keys() == made.keys(), "run `make docs`"
    stale = [name for name in made if there[name] != made[name]]
    assert not stale, "run `make docs`"


def test_a_technique_has_a_page_and_a_line_in_the_index(made: dict[str, str]) -> None:
    for step in TECHNIQUES:
        name = name_of(step)
        assert f"# {name}\n" in made[f"{name}.md"]
        assert f"[{name}]({name}.md)" in made["README.md"]


def test_a_technique_whose_method_is_not_named_is_not_left_out_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(methods.METHODS, "prune.sensing")
    with pytest.raises(LookupError, match=r"no entry for prune\.sensing$"):
        pages()


def test_every_technique_has_a_committed_measurement(made: dict[str, str]) -> None:
    assert unmeasured() == []
    assert not any(
        "No measurement of this technique is committed yet" in p for p in made.values()
    )


def test_every_field_says_what_it_is() -> None:
    silent = [
        f"{spec.__name__}.{name}"
        for spec in (*TECHNIQUES, *values(TECHNIQUES).values())
        for name in spec.model_fields
        if name not in TAGS and not description(spec, name)
    ]
    assert not silent


def test_what_a_setting_makes_a_technique_look_at_is_told(made: dict[str, str]) -> None:
    assert '"criterion": "taylor"` it looks at the task' in made["prune.weights.md"]
    assert '"method": "gptq"' in made["quantize.weights.md"].split("## Fields")[0]
    assert "- Looks at inputs of `data.calibration`" in made["prune.sensing.md"]


def test_types_bounds_and_defaults_stand_in_the_table(made: dict[str, str]) -> None:
    page = made["share.weights.md"]
    row = next(line for line in page.splitlines() if line.startswith("| `bits`"))
    assert row == (
        "| `bits` | whole number, at least 1, at most 12 | `5` | "
        "log2 of the codebook's size in each layer. |"
    )
    assert '| `{"kind": "adam", "lr": 0.0003}` |' in page


def test_indented_lines_become_code_and_markup_in_sentences_is_escaped() -> None:
    said = "A * b < c, see arXiv:1510.00149.\n\n    w * 2\n\n      deeper\n\nThe _end."
    assert markdown(said) == (
        "A \\* b \\< c, see [arXiv:1510.00149](https://arxiv.org/abs/1510.00149).\n\n"
        "```text\nw * 2\n\n  deeper\n```\n\nThe \\_end."
    )
    assert markdown("    first\n\nthen") == "```text\nfirst\n```\n\nthen"
