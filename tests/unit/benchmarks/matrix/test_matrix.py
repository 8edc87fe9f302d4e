"""What the matrix counts, and what it refuses to overlook."""

from pathlib import Path

import pytest

from benchmarks.matrix import allowed_refusals, techniques
from benchmarks.matrix.allowed_refusals import ALLOWED, LARGEST_SHARE, allowed
from benchmarks.matrix.cell import Cell, kept, refusal_end
from benchmarks.matrix.networks import NETWORKS
from benchmarks.matrix.techniques import OPTIONS, pipeline, registered
from lathe.job import JobSpec


def test_there_are_thirteen_networks_and_the_list_of_refusals_knows_them_all() -> None:
    assert tuple(NETWORKS) == allowed_refusals.NETWORKS
    assert len(NETWORKS) == 13
    for refused in ALLOWED.values():
        assert set(refused) < set(NETWORKS)


def test_the_list_allows_at_most_a_quarter_of_the_cells() -> None:
    named = registered()
    refused = sum(len(networks) for name, networks in ALLOWED.items() if name in named)
    assert refused <= LARGEST_SHARE * len(named) * len(NETWORKS)


def test_a_technique_without_an_entry_is_no_row_that_is_left_out_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(techniques.OPTIONS, "prune.weights")
    with pytest.raises(LookupError, match=r"no entry for prune\.weights$"):
        registered()


@pytest.mark.parametrize("technique", OPTIONS)
def test_every_entry_is_a_valid_pipeline_that_ends_packed(technique: str) -> None:
    data = {"dataset": "dat_01h455vb4pex5vsknk084sn02q", "split": "train"}
    spec = JobSpec.model_validate(
        {
            "model": "mdl_01h455vb4pex5vsknk084sn02q",
            "data": {"train": data, "calibration": data},
            "pipeline": pipeline(technique),
        }
    )
    assert spec.pipeline[0].technique == technique
    assert spec.packing is not None


def test_only_a_listed_code_makes_a_refusal_of_a_listed_cell() -> None:
    assert allowed("decompose.cp", "mlp") is not None
    assert refusal_end("decompose.cp", "mlp", "step_impossible") == "refused"
    assert refusal_end("decompose.cp", "mlp", "internal") == "failed"
    assert refusal_end("decompose.cp", "resnet", "step_impossible") == "failed"
    assert refusal_end("quantize.static", "mlp", "step_impossible") == "failed"


def test_a_cell_comes_back_as_it_was_kept_and_a_later_one_takes_its_place(
    tmp_path: Path,
) -> None:
    for bytes_after in (70, 60):
        Cell("quantize.float", "mlp", "realised", {}, bytes_after=bytes_after).save(tmp_path)
    Cell("quantize.float", "vit", "failed", {"dtype": "bfloat16"}, why="no").save(tmp_path)
    cells = kept(tmp_path)
    assert cells.keys() == {("quantize.float", "mlp"), ("quantize.float", "vit")}
    assert cells["quantize.float", "mlp"].bytes_after == 60
    assert cells["quantize.float", "vit"].plain()["options"] == {"dtype": "bfloat16"}
