from typing import Any

import pytest

from tests.unit.app.fit.facts import data, found, model, only, spec, split

IDS = {"name": "ids", "dtype": "int64", "shape": ["n", 6]}


@pytest.mark.parametrize(("greatest", "fits"), [(29, True), (30, False)])
@pytest.mark.parametrize("name", ["ids", "a__ids"])
def test_ids_have_to_be_rows_of_the_inputs_table(name: str, greatest: int, fits: bool) -> None:
    net = model(inputs=[IDS]).model_copy(update={"tables": {"ids": 30}})
    held = data(split("s", **{name: ("int32", (6,), 0, greatest)}))
    if fits:
        assert found(spec(), held, net) == []
        return
    code, param, detail = only(spec(), held, net)
    assert (code, param) == ("data_mismatch", "data.calibration")
    assert f"{name.replace('__', '/')} holds the id 30" in detail
    assert "a table of 30 rows, 0 to 29" in detail


def test_an_input_with_a_transform_or_without_a_table_takes_any_number() -> None:
    held: dict[str, Any] = {"ids": ("int32", (6,), 0, 90)}
    net = model(inputs=[IDS])
    assert found(spec(), data(split("s", **held)), net) == []
    tabled = net.model_copy(update={"tables": {"ids": 30}})
    assert found(spec(), data(split("s", **held), ids={"scale": 0.1}), tabled) == []
