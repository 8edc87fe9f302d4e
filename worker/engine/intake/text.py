"""Names in a model are text; broken ones break everything that prints or compares them."""

from google.protobuf.message import Message  # type: ignore[import-untyped] # no stubs

from lathe.errors import CorruptModel


def check_text(message: Message) -> None:
    """Raise CorruptModel where a string of the message, at any depth, is not UTF-8 or holds
    a NUL character, which ends a text for everything written in C."""
    for field, value in message.ListFields():
        many = field.is_repeated
        if field.type == field.TYPE_MESSAGE:
            for inner in value if many else (value,):
                check_text(inner)
        elif field.type == field.TYPE_STRING:
            for text in value if many else (value,):
                if not isinstance(text, str):
                    raise CorruptModel(
                        f"the model is damaged: a {field.name} in it is not text "
                        f"({text[:40]!r}); upload it again"
                    )
                if "\0" in text:
                    raise CorruptModel(
                        f"a {field.name} in the model holds a NUL character "
                        f"({text[:40]!r}); rename it and export the model again"
                    )
