"""`lathe jobs show`."""

from lathe.cli.connect import connected
from lathe.cli.jobs.which import Job, job_id
from lathe.cli.options import AsJson, Key, Url
from lathe.cli.say import out, show
from lathe.views import JobView


def show_job(job: Job, url: Url = None, key: Key = None, *, as_json: AsJson = False) -> None:
    """One job as it stands: its steps, and its verdict or failure."""
    with connected(url, key) as service:
        found = service.lathe.job(job_id(job, service.lathe))
    if as_json:
        show(found)
    else:
        for line in lines(found):
            out().print(line, soft_wrap=True, markup=False)


def lines(job: JobView) -> list[str]:
    """For people."""
    clocks = f"queued {job.queued_s:.1f} s, ran {job.running_s:.1f} s"
    told = [f"{job.id}  {job.name or ''}  {job.display_state}  ({clocks})"]
    told += [f"waiting for {job.waiting_for}"] if job.waiting_for else []
    told += [f"retry of {job.retry_of}"] if job.retry_of else []
    told += [
        f"  {step.id:<24}{step.technique:<24}{step.state}"
        + (f"  {100 * step.fraction:.0f} %" if 0 < step.fraction < 1 else "")
        for step in job.steps
    ]
    told += [job.verdict.sentence] if job.verdict else []
    told += [f"{job.failure.code}: {job.failure.detail}"] if job.failure else []
    return told
