"""What a browser would send for a field of a form as it is shown."""

from app.page.forms.draw import Field


def sent(field: Field) -> dict[str, str]:
    """The field's value by its name, and those of all fields below it."""
    form: dict[str, str] = {}
    match field.kind:
        case "flag":
            form[field.name] = "1" if field.on else "0"
        case "optional":
            form[f"{field.name}?"] = "1" if field.on else "0"
        case "union":
            form[f"{field.name}.{field.tag}"] = field.value
        case "list":
            form[f"{field.name}.#"] = "1"
        case "object":
            pass
        case _:
            form[field.name] = field.value
    for child in field.children:
        form |= sent(child)
    return form
