"""Write the generated pages; those of techniques that are gone are removed."""

from docs.generate import index
from docs.generate import pages as techniques
from docs.generate.reference import pages as reference


def main() -> None:
    """Bring docs/techniques, the generated pages of docs/reference and the index up to date."""
    wanted = techniques.pages()
    techniques.FOLDER.mkdir(exist_ok=True)
    for path in techniques.FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for folder, made in ((techniques.FOLDER, wanted), (reference.FOLDER, reference.pages())):
        for name, text in made.items():
            (folder / name).write_text(text)
        print(f"{len(made)} pages in {folder}")
    (index.FOLDER / "README.md").write_text(index.page())


if __name__ == "__main__":
    main()
