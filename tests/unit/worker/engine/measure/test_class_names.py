from worker.engine.measure.class_names import class_name


def test_a_class_without_a_name_goes_by_its_number() -> None:
    names = ("cat", "dog")
    assert [class_name(place, names) for place in (0, 1, 2, -1)] == ["cat", "dog", "2", "-1"]
