"""The form of a job: from an upload to a submitted spec, with problems beside their fields."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

pytestmark = pytest.mark.anyio


class Fields(HTMLParser):
    """What a browser would send of the form, without a button."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.inside = ""  # the name of an open textarea or select
        self.options = 0  # of it, so far

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        name, value = of.get("name") or "", of.get("value") or ""
        if tag in {"textarea", "select"}:
            self.inside = name
            self.found[name] = ""
            self.options = 0
        elif tag == "option":
            if "selected" in of or not self.options:
                self.found[self.inside] = value
            self.options += 1
        elif tag == "input" and name and (_is_text(of) or "checked" in of):
            self.found[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag in {"textarea", "select"}:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside and self.lasttag == "textarea":
            self.found[self.inside] += data


def _is_text(of: dict[str, str | None]) -> bool:
    return of.get("type") not in {"checkbox", "radio"}


def fields(page: str) -> dict[str, str]:
    parser = Fields()
    parser.feed(page[page.index('<form id="composer"') :])
    return parser.found


async def press(browser: Any, page: str, button: str, **changes: str) -> Any:
    changed = {name.replace("__", "."): value for name, value in changes.items()}
    data = {**fields(page), **changed, "do": button}
    return await browser.client.post("/compose", data=data)


async def test_the_newest_model_and_a_recipe_are_a_job_at_once(
    world: Any, browser: Any
) -> None:
    model = await world.model()
    page = await browser.see("/compose")
    answer = await press(browser, page, "submit", **{"pipeline.recipe": "slim-50"})
    assert answer.status_code == 200
    assert "slim-50 trains what is left; give data.train" in answer.text
    data = await world.dataset()
    page = await browser.see(f"/compose?dataset={data}")
    answer = await press(browser, page, "submit", name="mine")
    assert answer.status_code == 303, answer.text
    job = (await browser.client.get(f"/v1{answer.headers['location']}")).json()
    assert job["spec"]["model"] == model
    assert job["spec"]["name"] == "mine"
    assert [step["technique"] for step in job["steps"]] == ["quantize.choose"]
    assert job["spec"]["data"]["calibration"] == {
        "dataset": data,
        "split": "train",
        "samples": 11,
    }


async def test_steps_are_added_changed_moved_and_removed(world: Any, browser: Any) -> None:
    await world.model()
    page = await browser.see("/compose")
    changes = {"pipeline.recipe": ""}
    page = (await press(browser, page, "redraw", **changes)).text
    for technique in ("prune.weights", "quantize.dynamic", "optimize.graph"):
        page = (await press(browser, page, "step", technique=technique)).text
    page = (await press(browser, page, "up:pipeline.2")).text
    page = (await press(browser, page, "up:pipeline.1")).text
    page = (await press(browser, page, "redraw", pipeline__1__sparsity="0.75")).text
    said = fields(page)
    assert [said[f"pipeline.{n}.technique"] for n in range(3)] == [
        "optimize.graph",
        "prune.weights",
        "quantize.dynamic",
    ]
    assert said["pipeline.1.sparsity"] == "0.75"
    page = (await press(browser, page, "remove:pipeline.0")).text
    answer = await press(browser, page, "submit")
    job = (await browser.client.get(f"/v1{answer.headers['location']}")).json()
    assert [step["technique"] for step in job["steps"]] == ["prune.weights", "quantize.dynamic"]
    assert job["spec"]["pipeline"][0]["sparsity"] == 0.75


async def test_a_wrong_value_stays_in_its_field_with_the_reason_beside_it(
    world: Any, browser: Any
) -> None:
    await world.model()
    page = (
        await press(browser, await browser.see("/compose"), "redraw", **{"pipeline.recipe": ""})
    ).text
    page = (await press(browser, page, "step", technique="prune.weights")).text
    page = (await press(browser, page, "check", pipeline__0__sparsity="1.5")).text
    assert fields(page)["pipeline.0.sparsity"] == "1.5"
    assert '<a href="#f-pipeline-0-sparsity">pipeline.0.sparsity</a>' in page
    found = re.search(r'<p class="problem" id="f-pipeline-0-sparsity-problem">([^<]+)', page)
    assert found
    assert "less than 1" in found[1]
    assert re.search(r'id="f-pipeline-0-sparsity"[^>]*aria-invalid="true"', page)


async def test_a_recipe_can_be_opened_and_changed(world: Any, browser: Any) -> None:
    await world.model()
    data = await world.dataset()
    page = await browser.see(f"/compose?dataset={data}")
    page = (await press(browser, page, "expand")).text
    assert fields(page)["pipeline.0.technique"] == "quantize.choose"
    assert fields(page)["pipeline.recipe"] == ""
    assert "The job can run" in (await press(browser, page, "check")).text


async def test_what_a_job_did_is_where_another_begins(world: Any, browser: Any) -> None:
    job = await world.job(
        pipeline=[{"technique": "prune.weights", "sparsity": 0.25}],
        constraints=[{"metric": "size_bytes", "max": 1000}],
        resources={"priority": 7},
    )
    said = fields(await browser.see(f"/compose?job={job}"))
    assert said["pipeline.0.sparsity"] == "0.25"
    assert said["constraints.0.max"] == "1000"
    assert said["resources.priority"] == "7"


async def test_a_form_that_is_sent_twice_makes_one_job(world: Any, browser: Any) -> None:
    await world.model()
    page = await browser.see("/compose")
    page = (await press(browser, page, "redraw", **{"pipeline.recipe": ""})).text
    page = (await press(browser, page, "step", technique="quantize.dynamic")).text
    first = await press(browser, page, "submit")
    second = await press(browser, page, "submit")
    other = await press(browser, page, "submit", name="another")
    anew = await browser.see(f"/compose?job={first.headers['location'][6:]}")
    again = await press(browser, anew, "submit")
    assert again.headers["location"] != first.headers["location"]
    assert first.headers["location"] == second.headers["location"]
    assert other.headers["location"] != first.headers["location"]


async def test_lists_take_one_more_wherever_they_are(world: Any, browser: Any) -> None:
    await world.model()
    page = await browser.see("/compose")
    page = (await press(browser, page, "redraw", **{"pipeline.recipe": ""})).text
    page = (await press(browser, page, "step", technique="train.distill")).text
    assert "pipeline.0.teachers.1.weight" not in fields(page)
    for button, name in (
        ("add:pipeline.0.teachers", "pipeline.0.teachers.1.weight"),
        ("add:pipeline.0.features", "pipeline.0.features.0.layer"),
        ("add:constraints", "constraints.0.metric"),
    ):
        page = (await press(browser, page, button)).text
        assert name in fields(page)
    page = (await press(browser, page, "remove:pipeline.0.teachers.0")).text
    assert "pipeline.0.teachers.1.weight" not in fields(page)


@pytest.mark.parametrize("button", ["add:data", "add:task", "add:data.train", "remove:task.0"])
async def test_a_button_that_the_form_does_not_have_is_refused(
    world: Any, browser: Any, button: str
) -> None:
    await world.model()
    page = await browser.see("/compose")
    answer = await press(browser, page, button, **{"pipeline.recipe": ""})
    assert answer.status_code == 400
    assert "no list of the form" in answer.text


@pytest.mark.parametrize(
    "labels",
    ["[" * 1100, "[" * 9 + "]" * 9, '"\\ud800"', '{"a": 1, "a": 2}'],
    ids=["endless", "deep", "half", "twice"],
)
async def test_what_is_no_json_stays_in_its_field_and_is_told(
    browser: Any, labels: str
) -> None:
    answer = await browser.send("/compose", {"do": "check", "labels": labels})
    assert answer.status_code == 200, answer.text
    assert fields(answer.text)["labels"] == labels
    assert '<a href="#f-labels">labels</a>: this must be a JSON object' in answer.text


async def test_more_items_than_any_list_takes_are_refused(browser: Any) -> None:
    many = {f"pipeline.{n}.technique": "prune.weights" for n in range(40)}
    answer = await browser.send("/compose", {"do": "redraw", "pipeline.#": "1", **many})
    assert answer.status_code == 400
    assert "40 items at pipeline; send at most 32" in answer.text


async def test_choosing_a_member_shows_its_fields(world: Any, browser: Any) -> None:
    await world.model()
    page = await browser.see("/compose")
    page = (await press(browser, page, "redraw", **{"pipeline.recipe": ""})).text
    page = (await press(browser, page, "step", technique="train.recover")).text
    assert "pipeline.0.optimizer.momentum" not in fields(page)
    page = (await press(browser, page, "redraw", pipeline__0__optimizer__kind="sgd")).text
    assert fields(page)["pipeline.0.optimizer.momentum"] == "0.9"
    page = (await press(browser, page, "redraw", **{"pipeline.0.early_stopping?": "1"})).text
    assert fields(page)["pipeline.0.early_stopping.patience"] == "5"
