"""The good request after all the bad ones: this file sorts last in its folder for that."""

from tests.services.bad_input.crafted import judged
from tests.services.bad_input.stand import Stand


def test_the_next_good_request_works(stand: Stand, model: str, dataset: str) -> None:
    job = stand.finished(judged(model, dataset, "train"))
    assert job["state"] == "succeeded", job["failure"]
    kinds = {
        a["kind"] for a in stand.http.get(f"/v1/jobs/{job['id']}/artifacts").json()["items"]
    }
    assert kinds == {"onnx", "report.json", "report.html", "bom", "manifest"}
    assert list((stand.data / "work").iterdir()) == []  # no job left its folder behind
