"""Who may see pages, and whose forms are taken."""

import re
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.page_session import guard_of
from app.store import tenants
from app.store.rows import ApiKey, Audit, PageSession
from app.store.rows.base import utc_now

pytestmark = pytest.mark.anyio


async def sessions(world: Any) -> int:
    async with world.parts.reading() as session:
        return int(await session.scalar(select(func.count()).select_from(PageSession)))


async def key_with(world: Any, *scopes: Any) -> str:
    row, printable = tenants.new_key(world.project_id, "limited", scopes)
    await world.add(row)
    return printable


async def test_who_is_not_signed_in_is_asked_for_a_key_and_comes_back(
    world: Any, opens: Any
) -> None:
    someone = await opens()
    answer = await someone.client.get("/jobs?state=failed")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/jobs%3Fstate%3Dfailed"
    form = await someone.see(answer.headers["location"])
    assert 'name="next" value="/jobs?state=failed"' in form
    fields = {"key": world.key, "next": "/jobs?state=failed"}
    answer = await someone.client.post("/sign-in", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?state=failed")


@pytest.mark.parametrize(
    "elsewhere",
    ["https://example.org/", "//example.org/", "/\\example.org", "jobs", "", "http://["],
)
async def test_after_signing_in_nobody_is_sent_to_another_site(
    world: Any, opens: Any, elsewhere: str
) -> None:
    someone = await opens()
    fields = {"key": world.key, "next": elsewhere}
    answer = await someone.client.post("/sign-in", data=fields)
    assert answer.headers["location"] == "/"


async def test_a_wrong_key_is_a_sentence_beside_the_field(world: Any, opens: Any) -> None:
    someone = await opens()
    answer = await someone.client.post("/sign-in", data={"key": world.key[:-1] + "~"})
    assert answer.status_code == 422
    assert "This API key is not known here." in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "set-cookie" not in answer.headers
    assert await sessions(world) == 0


async def test_the_cookie_is_for_this_site_alone_and_no_script_reads_it(
    world: Any, opens: Any
) -> None:
    someone = await opens()
    answer = await someone.client.post("/sign-in", data={"key": world.key})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    assert world.key not in answer.headers["set-cookie"]
    secure = {"x-forwarded-proto": "https"}
    answer = await someone.client.post("/sign-in", data={"key": world.key}, headers=secure)
    assert "secure" in answer.headers["set-cookie"].lower()


async def test_a_form_on_another_site_signs_nobody_in(world: Any, opens: Any) -> None:
    someone = await opens()
    headers = {"origin": "http://example.org"}
    answer = await someone.client.post("/sign-in", data={"key": world.key}, headers=headers)
    assert answer.status_code == 403
    assert await sessions(world) == 0
    headers = {"origin": "http://lathe.test"}
    answer = await someone.client.post("/sign-in", data={"key": world.key}, headers=headers)
    assert answer.status_code == 303


@pytest.mark.parametrize("origin", ["null", "", "http://["])
async def test_a_form_that_hides_its_site_signs_nobody_in(
    world: Any, opens: Any, origin: str
) -> None:
    """Browsers say `null` for a frame in a sandbox, and for a site that sends no referrer."""
    someone = await opens()
    fields = {"data": {"key": world.key}, "headers": {"origin": origin}}
    assert (await someone.client.post("/sign-in", **fields)).status_code == 403
    assert await sessions(world) == 0


async def test_what_changes_anything_needs_the_guard_of_the_session(
    world: Any, browser: Any, opens: Any
) -> None:
    job = await world.job()
    other = await opens()
    await other.sign_in(world.key)
    for guard in ("", "0" * 64, other.guard):
        answer = await browser.client.post(f"/jobs/{job}/cancel", data={"guard": guard})
        assert answer.status_code == 403
        answer = await browser.client.post(
            f"/v1/jobs/{job}/cancel", headers={"X-Lathe-Guard": guard}
        )
        assert answer.status_code == 403
    headers = {"X-Lathe-Guard": browser.guard}
    answer = await browser.client.post(f"/v1/jobs/{job}/cancel", headers=headers)
    assert answer.json()["state"] == "cancelled"


async def test_a_session_reads_what_its_key_reads(world: Any, browser: Any) -> None:
    job = await world.job()
    assert (await browser.client.get(f"/v1/jobs/{job}")).json()["id"] == job
    other = await world.stranger.get(f"/v1/jobs/{job}")
    assert other.status_code == 404


async def test_signing_out_ends_the_session_itself(world: Any, browser: Any) -> None:
    cookie = browser.client.cookies["lathe_session"]
    answer = await browser.send("/sign-out", {"guard": "wrong"})
    assert (answer.status_code, await sessions(world)) == (403, 1)
    answer = await browser.send("/sign-out", {})
    assert (answer.status_code, await sessions(world)) == (303, 0)
    async with world.parts.reading() as session:
        done = list(await session.scalars(select(Audit.action).order_by(Audit.at)))
    assert done == ["page.sign_in", "page.sign_out"]
    browser.client.cookies.set("lathe_session", cookie)
    assert (await browser.client.get("/")).status_code == 303
    assert (await browser.client.get("/v1/jobs")).status_code == 401


async def test_a_made_up_session_is_signed_out_without_a_write(
    world: Any, opens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = await opens()
    someone.client.cookies.set("lathe_session", "made up")
    monkeypatch.setattr(type(world.parts), "writing", None)  # to call it would be a 500
    answer = await someone.client.post("/sign-out", data={"guard": guard_of("made up")})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


async def test_a_session_ends_with_its_key(world: Any, browser: Any) -> None:
    async with world.parts.writing() as session:
        await session.execute(update(ApiKey).values(revoked_at=utc_now()))
    assert (await browser.client.get("/")).status_code == 303


async def test_who_came_with_a_revoked_or_rotated_key_is_signed_out(
    world: Any, browser: Any, opens: Any
) -> None:
    for ends in ("DELETE", "POST"):
        key = (await world.client.post("/v1/keys", json={"name": "ci"})).json()
        visitor = await opens()
        await visitor.sign_in(key["key"])
        assert await sessions(world) == 2
        if ends == "DELETE":
            await world.client.delete(f"/v1/keys/{key['id']}")
        else:
            await world.client.post(f"/v1/keys/{key['id']}/rotate", json={"grace_s": 0})
        assert (await visitor.client.get("/")).status_code == 303
        assert await sessions(world) == 1
    assert (await browser.client.get("/")).status_code == 200


async def test_a_session_that_is_over_opens_nothing_and_is_forgotten(
    world: Any, browser: Any, opens: Any
) -> None:
    async with world.parts.writing() as session:
        await session.execute(update(PageSession).values(expires_at=utc_now()))
    assert (await browser.client.get("/")).status_code == 303
    await (await opens()).sign_in(world.key)
    assert await sessions(world) == 1


async def test_a_key_that_only_reads_is_offered_nothing_else(world: Any, opens: Any) -> None:
    reader = await opens()
    await reader.sign_in(await key_with(world, "read"))
    job = await world.job()
    assert "/cancel" not in await reader.see(f"/jobs/{job}")
    assert "Upload a model" not in await reader.see("/models")
    answer = await reader.send(f"/jobs/{job}/cancel", {})
    assert answer.status_code == 403
    assert "lacks the scope" in answer.text


async def test_every_answer_allows_no_foreign_and_no_inline_script(browser: Any) -> None:
    for path in ("/", "/jobs", "/models", "/datasets", "/jobs/job_none", "/sign-in"):
        answer = await browser.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]*\ssrc=\")|\sstyle=|\son\w+=", answer.text)
