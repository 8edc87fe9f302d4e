import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest

from lathe.confusion import ConfusedPair, Confusions
from lathe.errors import TrainingDiverged
from lathe.job import JobSpec
from lathe.report import (
    Candidate,
    Comparison,
    Environment,
    GroupScore,
    Interval,
    LayerReport,
    LayerSensitivity,
    Measurement,
    NoiseCheck,
    NoisePoint,
    PackedFile,
    PackedTensor,
    Report,
    StepReport,
)
from worker.engine.report.page import page
from worker.engine.run.verdict import decide, judged

HOSTILE = "<img src=x onerror=alert(1)>\"'&"


def spec(**more: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "name": HOSTILE,
            "model": "mdl_" + "0" * 26,
            "data": {"evaluation": {"dataset": "dat_" + "0" * 26, "split": "test"}},
            "task": {"kind": "classification"},
            "pipeline": [{"technique": "quantize.dynamic", "id": "int8"}],
            "constraints": [{"metric": "accuracy", "max_drop": 0.01}],
            **more,
        }
    )


def measurements(size: float, latency: float, accuracy: float) -> tuple[Measurement, ...]:
    return (
        Measurement(metric="size_bytes", value=size, unit="bytes"),
        Measurement(
            metric="latency_ms",
            value=latency,
            unit="ms",
            batch_size=1,
            samples=(latency, latency * 1.1, latency * 1.2),
        ),
        Measurement(metric="accuracy", value=accuracy, unit="fraction"),
    )


def compared() -> tuple[Comparison, ...]:
    return (
        Comparison(metric="size_bytes", kind="ratio", change=0.25),
        Comparison(
            metric="latency_ms",
            kind="ratio",
            change=0.5,
            interval=Interval(low=0.4, high=0.6),
            batch_size=1,
        ),
        Comparison(
            metric="accuracy",
            kind="difference",
            change=-0.02,
            interval=Interval(low=-0.03, high=-0.01),
            examples=1234,
        ),
    )


def report(job: JobSpec, **more: Any) -> Report:
    baseline = Candidate(
        id="baseline", file="a.onnx", sha256="a" * 64, measurements=measurements(4096, 3, 0.9)
    )
    after = Candidate(
        id="int8",
        file="b.onnx",
        sha256="b" * 64,
        measurements=measurements(1024, 1.5, 0.88),
        against_baseline=compared(),
    )
    after = judged(job, baseline, after)
    values = {
        "spec": job,
        "verdict": decide(job, baseline, (after,)),
        "baseline": baseline,
        "candidates": (after,),
        "steps": (StepReport(id="int8", technique="quantize.dynamic", wall_s=1.5, cpu_s=1),),
        "environment": Environment(
            lathe_version="0",
            libraries={"onnx": "1"},
            cpu=HOSTILE,
            cores=2,
            threads=1,
            device="cpu",
            platform="Linux",
            seed=17,
        ),
        **more,
    }
    return Report.model_validate(values)


def full() -> Report:
    layer = LayerReport(
        layer=HOSTILE,
        operator="Conv",
        bytes_before=400,
        bytes_after=100,
        shape_before=(8, 3),
        shape_after=(4, 3),
        factors_after=((2, 3), (4, 2)),
        nonzero=0.75,
        dtype="int8",
        sqnr_db=30.0,
        executed_as=HOSTILE,
    )
    score = GroupScore(
        name=HOSTILE,
        examples=7,
        baseline={"recall": 0.9},
        candidate={"recall": 0.8},
        lost=2,
        gained=1,
    )
    pair = ConfusedPair(label=HOSTILE, answer="b", baseline=1, candidate=3)
    step = StepReport(
        id="int8",
        technique="quantize.dynamic",
        wall_s=75,
        cpu_s=0.2,
        facts={HOSTILE: HOSTILE, "left_float": None, "exact": True},
        curve=((1, 0.5, 0.7), (2, 0.4, 0.8)),
        sensitivities=(
            LayerSensitivity(
                layer=HOSTILE, weight=HOSTILE, change="4 bits", loss=0.0625, bytes_saved=1234567
            ),
            LayerSensitivity(layer="l", weight="w", change="2 bits", loss=None, bytes_saved=0),
        ),
    )
    return report(
        spec(),
        layers=(layer, layer.model_copy(update={"bytes_after": 0, "sqnr_db": None})),
        classes=(score,),
        groups=(score.model_copy(update={"lost": None, "gained": None}),),
        confusions=Confusions(
            classes=(HOSTILE, "b"),
            baseline=((4, 1), (0, 2)),
            candidate=((2, 3), (0, 2)),
            pairs=(pair,),
        ),
        worst_classes=(HOSTILE,),
        steps=(step, step.model_copy(update={"id": "again", "facts": {"size_bytes": 9}})),
        warnings=(HOSTILE,),
        noise=(
            NoisePoint(sigma=0, baseline=0.9, candidate=0.88),
            NoisePoint(sigma=0.1, baseline=0.8, candidate=0.7),
        ),
        noise_check=NoiseCheck(examples=500, of=2000, wall_s=2.5, stopped=HOSTILE),
    )


class Tags(HTMLParser):
    """Collects every tag and attribute, and checks that tags close in order."""

    VOID = frozenset({"meta", "link", "br", "hr", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(html)
    assert parser.open == []
    return parser.seen


@pytest.fixture(scope="module")
def html() -> str:
    return page(full())


def test_a_hostile_name_stays_text_wherever_it_appears(html: str) -> None:
    names = {tag for tag, _ in tags(html)}
    assert not names & {"img", "script", "iframe", "object", "form"}
    assert "<img" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") >= 9


def test_nothing_is_requested_from_anywhere(html: str) -> None:
    for _, attributes in tags(html):
        assert not {"src", "srcset", "onload", "onclick"} & set(attributes)
        assert attributes.get("href") in (None, "data:,")
    assert "url(" not in html
    assert "@import" not in html
    assert "http://" not in html


def test_tables_have_headers_and_plots_have_titles(html: str) -> None:
    found = tags(html)
    assert len(re.findall("<table", html)) == len(re.findall("<thead>", html)) == 12
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in found if tag == "th")
    assert all(attrs.get("aria-label") for tag, attrs in found if attrs.get("role") == "region")
    for picture in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        assert "<title>" in picture or 'aria-hidden="true"' in picture


def test_the_shapes_of_a_decomposed_layer_stand_in_the_order_in_which_they_compute(
    html: str,
) -> None:
    by = "\N{MULTIPLICATION SIGN}"
    assert f"8{by}3 \N{RIGHTWARDS ARROW} 2{by}3, 4{by}2, 4{by}3" in html


def test_the_verdict_and_its_figures_stand_on_top(html: str) -> None:
    words = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert (
        "4.0\N{MULTIPLICATION SIGN} smaller and 2.0\N{MULTIPLICATION SIGN} faster at batch 1"
        in words
    )
    assert (
        "File size 4.0\N{MULTIPLICATION SIGN} smaller before 4.00 KiB after 1.00 KiB" in words
    )
    assert "Accuracy \N{MINUS SIGN}2.00 points before 90.00 % after 88.00 %" in words
    assert "Limit missed" in words


def test_the_page_of_a_failed_job_says_why_it_stopped() -> None:
    failure = TrainingDiverged("the loss became <infinite>").failure()
    told = page(report(spec(), failure=failure.model_dump(by_alias=False)))
    assert "the loss became &lt;infinite&gt;" in told
    assert ">Cut short</span>" in told


def test_a_packed_file_leads_and_its_tensors_are_listed() -> None:
    packed = PackedFile(
        file="b.packed",
        sha256="c" * 64,
        size_bytes=512,
        profile="small",
        parts={"graph": 100, "tensors": 412},
        tensors=(
            PackedTensor(tensor=HOSTILE, coded_as="grid", bytes_before=4000, bytes_after=400),
            PackedTensor(tensor="b", coded_as="raw", bytes_before=12, bytes_after=12),
        ),
        huffman_bytes=600,
        encode_s=1.5,
        decode_s=0.25,
    )
    bare = report(spec())
    after = bare.candidates[0]
    size = Measurement(metric="size_bytes", of="packed", value=512, unit="bytes")
    ratio = Comparison(metric="size_bytes", of="packed", kind="ratio", change=0.125)
    after = after.model_copy(
        update={
            "packed": packed,
            "measurements": (size, *after.measurements),
            "against_baseline": (ratio, *after.against_baseline),
        }
    )
    verdict = decide(bare.spec, bare.baseline, (after,))
    html = page(bare.model_copy(update={"candidates": (after,), "verdict": verdict}))
    assert tags(html)
    assert "<img" not in html
    words = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "8.0\N{MULTIPLICATION SIGN} smaller packed" in words
    assert (
        "File size, packed 8.0\N{MULTIPLICATION SIGN} smaller before 4.00 KiB after 512 B "
        "the file that is downloaded; 1.00 KiB unpacked"
    ) in words
    assert "File size, packed 4.00 KiB 512 B \N{MINUS SIGN}87.5" in words
    assert "File size 4.00 KiB 1.00 KiB \N{MINUS SIGN}75.0" in words
    assert "graph 100 bytes" in words
    assert "with Huffman codes instead 600 bytes" in words
    assert "b raw 12 B \N{RIGHTWARDS ARROW} 12 B" in words


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


def test_a_report_without_task_benchmark_and_layers_is_still_a_page() -> None:
    job = spec(task=None, benchmark=None, constraints=[])
    bare = report(job)
    alone = bare.candidates[0].model_copy(
        update={
            "measurements": bare.candidates[0].measurements[:1],
            "against_baseline": compared()[:1],
        }
    )
    alone = judged(job, bare.baseline, alone)
    verdict = decide(job, bare.baseline, (alone,))
    html = page(bare.model_copy(update={"candidates": (alone,), "verdict": verdict}))
    assert "Unmeasured" in html
    assert "4.0\N{MULTIPLICATION SIGN} smaller; nothing else was measured." in html
    assert not re.search(r"<h2>(Latency|Under noise|Classes|Layers)</h2>", html)


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


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


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


def test_a_report_of_a_thousand_classes_and_many_layers_renders_at_once() -> None:
    few = full()
    large = few.model_copy(
        update={
            "layers": few.layers * 60,
            "classes": few.classes * 1000,
            "groups": few.groups * 200,
            "steps": few.steps * 5,
        }
    )

    def seconds() -> float:
        started_s = time.process_time()
        page(large)
        return time.process_time() - started_s

    assert min(seconds() for _ in range(3)) < 0.3
