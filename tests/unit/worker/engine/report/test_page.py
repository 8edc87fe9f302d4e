"""The report as one page: the verdict on top, with whatever was measured and nothing more."""

import re
import time

from lathe.errors import TrainingDiverged
from lathe.report import Comparison, Measurement, PackedFile, PackedTensor
from tests.unit.worker.engine.report.markup import tags, words
from tests.unit.worker.engine.report.reports import HOSTILE, compared, full, report, spec
from worker.engine.report.page import page
from worker.engine.run.verdict import decide, judged


def test_the_verdict_and_its_figures_stand_on_top(html: str) -> None:
    said = words(html)
    assert (
        "4.0\N{MULTIPLICATION SIGN} smaller and 2.0\N{MULTIPLICATION SIGN} faster at batch 1"
        in said
    )
    assert "File size 4.0\N{MULTIPLICATION SIGN} smaller before 4.00 KiB after 1.00 KiB" in said
    assert "Accuracy \N{MINUS SIGN}2.00 points before 90.00 % after 88.00 %" in said
    assert "Limit missed" in said


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
    said = words(html)
    assert "8.0\N{MULTIPLICATION SIGN} smaller packed" in said
    assert (
        "File size, packed 8.0\N{MULTIPLICATION SIGN} smaller before 4.00 KiB after 512 B "
        "the file that is downloaded; 1.00 KiB unpacked"
    ) in said
    assert "File size, packed 4.00 KiB 512 B \N{MINUS SIGN}87.5" in said
    assert "File size 4.00 KiB 1.00 KiB \N{MINUS SIGN}75.0" in said
    assert "graph 100 bytes" in said
    assert "with Huffman codes instead 600 bytes" in said
    assert "b raw 12 B \N{RIGHTWARDS ARROW} 12 B" in said


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
