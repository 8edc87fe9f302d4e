"""Numbers across jobs."""

from typing import Annotated

from fastapi import APIRouter, Query

from app import present
from app.auth import Reader
from app.http.deps import Paged, ReadDb
from app.http.listing import page
from app.http.problems import refusals
from app.store import results
from app.store.rows import MeasurementRow
from lathe.errors import Malformed
from lathe.views import MeasurementView, Page

router = APIRouter(prefix="/v1/measurements", tags=["measurements"])


@router.get("", operation_id="list_measurements", responses=refusals(Malformed))
async def list_measurements(
    caller: Reader,
    db: ReadDb,
    paging: Paged,
    model: Annotated[str | None, Query(max_length=40, description="Of this model.")] = None,
    metric: Annotated[
        str | None, Query(max_length=64, description="Of this metric, such as latency_ms.")
    ] = None,
) -> Page[MeasurementView]:
    """Every stored number, newest first, of one model or one metric where asked."""
    statement = results.measurements(caller.project_id, model_id=model, metric=metric)
    return await page(db, statement, MeasurementRow, paging, present.measurement)
