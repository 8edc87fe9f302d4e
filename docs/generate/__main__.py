"""Write the generated pages; those of techniques that are gone are removed."""

from docs.generate.pages import FOLDER, pages


def main() -> None:
    """Bring docs/techniques up to date."""
    wanted = pages()
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    print(f"{len(wanted)} pages in {FOLDER}")


if __name__ == "__main__":
    main()
