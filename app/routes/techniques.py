"""The catalogue: what a pipeline may name."""

from fastapi import APIRouter

from app.auth import Reader
from app.http.problems import refusals
from lathe.techniques import TECHNIQUES
from lathe.views import TechniqueView

router = APIRouter(prefix="/v1/techniques", tags=["techniques"])


@router.get("", operation_id="list_techniques", responses=refusals())
async def list_techniques(_caller: Reader) -> list[TechniqueView]:
    """Every technique with its phase, what it needs, and the JSON Schema of its step."""
    return [
        TechniqueView(
            technique=step.model_fields["technique"].default,
            phase=step.phase.name.lower(),
            summary=(step.__doc__ or "").strip().splitlines()[0],
            needs=step.needs.model_dump(),
            json_schema=step.model_json_schema(),
        )
        for step in TECHNIQUES
    ]
