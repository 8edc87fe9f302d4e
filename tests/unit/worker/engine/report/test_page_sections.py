"""What each section of the report's page says."""

import re

from lathe.report import Candidate, LayerSensitivity, Measurement, StepReport
from tests.unit.worker.engine.report.markup import words
from tests.unit.worker.engine.report.reports import measurements, report, spec
from worker.engine.report.page import page
from worker.engine.run.verdict import judged


def test_each_step_stands_below_what_it_began_with() -> None:
    bare = report(spec())
    int8 = bare.candidates[0]
    macs = Measurement(metric="macs", value=2_500_000, unit="")
    slim = Candidate(
        id="slim",
        file="c.onnx",
        sha256="c" * 64,
        measurements=(*measurements(2048, 2, 0.895), macs),
    )
    slim = judged(bare.spec, bare.baseline, slim)
    steps = tuple(
        StepReport(id=name, technique="t", wall_s=1, cpu_s=1) for name in ("slim", "int8")
    )
    html = page(bare.model_copy(update={"candidates": (slim, int8), "steps": steps}))
    table = html[html.index("After step") :]
    rows = re.findall(r"<tr>(.*?)</tr>", table[: table.index("</table>")], re.DOTALL)
    cells = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]
    assert cells == [
        "baseline 4.00 KiB — 3.00 ms 90.00 % — —",
        "slim 2.00 KiB 2,500,000 2.00 ms 89.50 % unmeasured all hold",
        "int8 best 1.00 KiB — 1.50 ms 88.00 % smaller and faster missed",
    ]


def test_one_candidate_needs_no_table_of_steps() -> None:
    assert "After step" not in page(report(spec()))


def test_what_layers_lose_by_changes_is_a_table_of_the_step() -> None:
    row = LayerSensitivity(
        layer="l", weight="w", change="4 bits", loss=0.0625, bytes_saved=1234
    )
    worse = row.model_copy(update={"change": "2 bits", "loss": None})
    step = StepReport(
        id="look",
        technique="analyze.sensitivity",
        wall_s=1,
        cpu_s=1,
        facts={"loss_in": "KL divergence"},
        sensitivities=(row, worse),
    )
    text = re.sub(r"<[^>]*>|\s+", " ", page(report(spec(), steps=(step,))))
    text = re.sub(r" +", " ", text)
    assert "Loss, KL divergence Bytes saved" in text
    assert "w 4 bits 0.0625 1,234 w 2 bits NaN 1,234" in text


def test_every_state_is_drawn_and_one_that_nobody_measured_says_so(html: str) -> None:
    said = words(html[html.index("What each step bought") :])
    assert "File size baseline 4.00 KiB int8 \N{MINUS SIGN}75 %" in said.replace("\xa0", " ")
    assert "Latency, batch 1 baseline 3.00 ms int8" in said
    assert "again not measured" in said


def test_how_answers_moved_stands_as_numbers_with_their_sense(html: str) -> None:
    assert 'class="bad s4" title="' in html
    said = words(html[html.index("<h2>Confusions") :])
    assert "is \\ answered &lt;img" in said
    assert "\N{MINUS SIGN}2 +2 b" in said
    assert "1 3 +2" in said
    classes = words(html[html.index("<h2>Classes") :])
    assert "lost most 2 1 \N{MINUS SIGN}10.00 90.00 80.00 7" in classes


def test_what_the_noise_rests_on_is_said_beside_its_numbers(html: str) -> None:
    said = words(html[html.index("<h2>Under noise") :])
    assert "On 500 of 2,000 evaluation examples; this took 2.5 s." in said
    assert "0.1 80.00 70.00 \N{MINUS SIGN}10.00" in said
    assert "No further: &lt;img" in said


def test_how_runs_are_spread_stands_in_a_table_behind_the_histogram(html: str) -> None:
    said = words(html[html.index("<h2>Latency") :])
    assert "1 baseline 3 3.00 ms 3.30 ms" in said
    assert "1 candidate 3 1.50 ms 1.65 ms" in said


def test_the_shapes_of_a_decomposed_layer_stand_in_the_order_in_which_they_compute(
    html: str,
) -> None:
    by = "\N{MULTIPLICATION SIGN}"
    assert f"8{by}3 \N{RIGHTWARDS ARROW} 2{by}3, 4{by}2, 4{by}3" in html
