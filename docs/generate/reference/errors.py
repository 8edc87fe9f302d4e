"""errors.md: every code, from the tree in lathe/errors.py."""

from inspect import cleandoc

from docs.generate.prose import escaped, markdown
from docs.generate.schema import cell, row
from lathe.errors import ErrorClass, Refused, family

INTRODUCTION = (
    "What is not a result is a problem (RFC 9457, `application/problem+json`); a failed job "
    "and a rejected upload carry the same in `failure`. `code` names the kind and never "
    "changes, `class` says whose fault it is, `retryable` whether the same request can succeed "
    "later, `detail` is for people: what is wrong and what to do. `param` names the field, as "
    "in `pipeline.0.protect.1`, and `errors` lists every field where several are wrong."
)


def page() -> str:
    """Markdown of all codes: a table, then one section each."""
    known = family()[1:]
    table = [
        row(["code", "class", "status", "retryable", "title"]),
        "|---|---|---|---|---|",
        *(
            row(
                [
                    f"[`{error.code}`](#{error.code})",
                    f"`{error.error_class}`",
                    str(error.status),
                    _yes(error),
                    cell(error.title),
                ]
            )
            for error in known
        ),
    ]
    parts = ["# Errors", INTRODUCTION, markdown(cleandoc(ErrorClass.__doc__ or ""))]
    parts += ["\n".join(table), *(_section(error) for error in known)]
    return "\n\n".join(parts) + "\n"


def meaning_and_remedy(error: type[Refused]) -> tuple[str, str]:
    """The two paragraphs of its own docstring; raises ValueError where there are not two."""
    said = cleandoc(vars(error).get("__doc__") or "").split("\n\n")
    if len(said) != 2:  # noqa: PLR2004 - what it means, what to do
        raise ValueError(
            f"lathe/errors.py: the docstring of {error.__name__} says what it means and, after "
            "an empty line, what to do"
        )
    meaning, remedy = (" ".join(part.split()) for part in said)
    return meaning, remedy


def _section(error: type[Refused]) -> str:
    meaning, remedy = (escaped(text) for text in meaning_and_remedy(error))
    facts = f"`{error.error_class}`, HTTP {error.status}, retryable: {_yes(error)}."
    return f"## {error.code}\n\n{escaped(error.title)}. {facts}\n\n{meaning}\n\n{remedy}"


def _yes(error: type[Refused]) -> str:
    return "yes" if error.retryable else "no"
