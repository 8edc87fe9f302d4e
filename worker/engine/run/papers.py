"""The report in every form that is handed over."""

import time
from pathlib import Path

from lathe.report import Report
from worker.engine.events.report_events import report_events
from worker.engine.events.write import write_events
from worker.engine.report.page import page
from worker.engine.run.artifact_name import events_name
from worker.wire import OutFile


def papers(report: Report, folder_out: Path) -> list[OutFile]:
    """Write report.json and report.html, and the event file where the job asks for one."""
    json, html = folder_out / "report.json", folder_out / "report.html"
    json.write_text(report.model_dump_json(), encoding="utf-8")
    html.write_text(page(report), encoding="utf-8")
    written = [
        OutFile(
            file=json.name, kind="report.json", name=json.name, media_type="application/json"
        ),
        OutFile(file=html.name, kind="report.html", name=html.name, media_type="text/html"),
    ]
    if report.spec.wants_events:
        written.append(_events(report, folder_out / events_name(report.spec)))
    return written


def _events(report: Report, path: Path) -> OutFile:
    write_events(report_events(report), path, at_s=time.time())
    return OutFile(
        file=path.name,
        kind="tensorboard",
        name=path.name,
        media_type="application/octet-stream",
    )
