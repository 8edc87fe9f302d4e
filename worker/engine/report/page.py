"""The HTML page of a report.

Names of layers, classes and groups come from uploads: every value is escaped by the
template engine, and the page's own policy forbids scripts and requests.
"""

import json
import re

from lathe.report import Candidate, Report, StepReport
from worker.engine.report.by_step import ladder
from worker.engine.report.confused import confused
from worker.engine.report.headline import headline
from worker.engine.report.histogram import Histogram, histogram
from worker.engine.report.layer_plot import layer_plot
from worker.engine.report.lines import Plot, plot
from worker.engine.report.noisy import noisy
from worker.engine.report.rows import (
    candidate_rows,
    layer_rows,
    metric_rows,
    packed_rows,
    score_name,
    score_rows,
)
from worker.engine.report.template import TEMPLATE
from worker.engine.report.timings import timing_rows
from worker.engine.report.typeset import typeset

REALISED = {
    "smaller_and_faster": ("Smaller and faster", "good"),
    "smaller": ("Smaller", "good"),
    "faster": ("Faster", "good"),
    "neither": ("Neither smaller nor faster", "bad"),
    "unmeasured": ("Unmeasured", "plain"),
}
CUT_SHORT = ("Cut short", "bad")
LIMITS = {True: ("Limits hold", "good"), False: ("Limit missed", "bad")}


def page(report: Report) -> str:
    """One HTML document about the best candidate, with all others in a table."""
    best = next(c for c in report.candidates if c.id == report.verdict.best)
    verdict = report.verdict
    badges = [REALISED[verdict.realised]]
    if verdict.constraints_met is not None:
        badges.append(LIMITS[verdict.constraints_met])
    if report.failure is not None:
        badges.append(CUT_SHORT)
    return TEMPLATE.render(
        report=report,
        best=best,
        badges=badges,
        title=_title(report, best),
        cards=headline(report, best),
        metrics=metric_rows(report.baseline, best),
        candidates=candidate_rows(report),
        ladder=ladder(report),
        histograms=_histograms(report.baseline, best),
        timings=timing_rows(report.baseline, best),
        steps=[(step, _curves(step)) for step in report.steps],
        packed=packed_rows(best.packed) if best.packed else [],
        layers=layer_rows(report.layers),
        layer_plot=layer_plot(report.layers),
        scores=[
            (title, score_name(scores), score_rows(scores, report.worst_classes))
            for title, scores in (("Classes", report.classes), ("Groups", report.groups))
            if scores
        ],
        confused=confused(report.confusions),
        noise=noisy(report),
        lowered=any("int" in layer.dtype for layer in report.layers),
        spec_text=json.dumps(report.spec.model_dump(mode="json"), indent=2, ensure_ascii=False),
    )


def _title(report: Report, best: Candidate) -> str:
    """The verdict's first clause where something was realised, else what is lacking."""
    if best.realised in ("neither", "unmeasured"):
        return REALISED[best.realised][0]
    return typeset(re.split(r";| [\[(]|, but ", report.verdict.sentence, maxsplit=1)[0])


def _histograms(baseline: Candidate, best: Candidate) -> list[Histogram]:
    timed = {m.batch_size: m for m in baseline.measurements if m.metric == "latency_ms"}
    return [
        histogram(
            timed[m.batch_size].samples,
            m.samples,
            batch_size=m.batch_size,
            contended=m.contended or timed[m.batch_size].contended,
        )
        for m in best.measurements
        if m.metric == "latency_ms" and m.samples and m.batch_size in timed
    ]


def _curves(step: StepReport) -> list[Plot]:
    """Loss and held-out score of a training step, each over its own axis."""
    if not step.curve:
        return []
    titles = ((1, "Train loss"), (2, "Held-out score"))
    return [
        plot(title, "epoch", [(title, "candidate", [(row[0], row[column]) for row in rows])])
        for column, title in titles
        if (rows := [row for row in step.curve if len(row) > column])
    ]
