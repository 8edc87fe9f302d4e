"""A dry run of a job spec: what would happen, or every reason why it cannot."""

from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.http import wording
from app.store.quotas.limits import Limits
from app.submit import judge
from app.submitted import SUBMITTED
from lathe.views import FieldProblem, PlannedStep, PlanView


async def plan(session: AsyncSession, project_id: str, body: Any, limits: Limits) -> PlanView:
    """Check `body` as `POST /v1/jobs` would; it need not be a spec at all."""
    try:
        spec = SUBMITTED.validate_python(body)
    except ValidationError as error:
        problems = wording.field_problems(error.errors(), body)
        return PlanView(valid=False, spec=None, problems=problems)
    verdict = await judge(session, project_id, spec, limits, hold=False)
    return PlanView(
        valid=not verdict.reasons,
        spec=spec,
        plan=[
            PlannedStep(
                id=spec.step_id(index),
                technique=step.technique,
                phase=step.phase.name.lower(),
                spec=step.model_dump(mode="json"),
            )
            for index, step in enumerate(spec.pipeline)
        ],
        queue=verdict.queue,
        problems=[FieldProblem(param=r.param or "", detail=r.detail) for r in verdict.reasons],
    )
