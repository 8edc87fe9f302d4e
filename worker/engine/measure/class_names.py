"""What classes are called."""


def class_name(place: int, names: tuple[str, ...]) -> str:
    """The name that the data set has for class `place`, else its number."""
    return names[place] if 0 <= place < len(names) else str(place)
