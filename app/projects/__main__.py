"""`python -m app.projects list|create|quota|key`: for the installation of the settings."""

import argparse
import json
import sys
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.projects import work
from app.projects.amount import amount
from app.projects.days import days
from app.settings import Settings
from app.store import tenants
from app.store.db import sessions, sync_engine
from app.store.quotas.limits import NAMES
from app.store.trouble import in_one_line
from lathe.errors import Refused

_HELP = {
    "stored_bytes": "models, data sets, artifacts and unfinished uploads, as in 50G or 50Gi",
    "unfinished_jobs": "queued and running jobs, inspections of uploads included",
    "running_jobs": "running jobs of one queue",
    "running_gpu": "running jobs of the queue gpu, instead of --running-jobs",
    "gpu_minutes": "minutes on GPU workers in a calendar month (UTC)",
}


def main() -> int:
    """0 when it is done, 2 for a refusal."""
    options = _options()
    settings = Settings.from_environment()
    url = f"sqlite:///{options.data / 'lathe.db'}" if options.data else settings.database_url
    if options.data and not (options.data / "lathe.db").exists():
        sys.stderr.write(f"there is no lathe.db in {options.data}\n")
        return 2
    engine = sync_engine(url)
    try:
        with sessions(engine).begin() as session:
            said = _done(session, options, settings)
    except (Refused, SQLAlchemyError) as error:
        why = error.detail if isinstance(error, Refused) else in_one_line(error)
        sys.stderr.write(f"{options.command}: {why}\n")
        return 2
    finally:
        engine.dispose()
    sys.stdout.write(f"{json.dumps(said, indent=1) if not isinstance(said, str) else said}\n")
    return 0


def _done(session: Session, options: argparse.Namespace, settings: Settings) -> object:
    match options.command:
        case "list":
            return work.listed(session, settings.limits)
        case "create":
            return work.created(session, options.name)
        case "key":
            scopes = options.scope or tenants.EVERY_SCOPE
            return work.keyed(session, options.project, options.name, scopes, options.days)
        case _:
            given = {name: each for name in NAMES if (each := getattr(options, name))}
            return work.limited(session, options.project, given, settings.limits)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.projects", description=__doc__)
    data = "the data folder of `lathe up`, instead of LATHE_DATABASE_URL"
    parser.add_argument("--data", type=Path, help=data)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every project, what it uses and what it may, as JSON")
    creating = commands.add_parser("create", help="a project; prints its admin key, once")
    creating.add_argument("name")
    limiting = commands.add_parser(
        "quota", help="show a project's limits, or set some: a number, none or default"
    )
    limiting.add_argument("project", help="its name or id")
    for name in NAMES:
        flag = f"--{name.replace('_', '-')}"
        limiting.add_argument(flag, type=amount, metavar="LIMIT", help=_HELP[name])
    keying = commands.add_parser(
        "key", help="one more key of a project, as when its last admin key is lost; shown once"
    )
    keying.add_argument("project", help="its name or id")
    keying.add_argument("--name", default="operator", help="what it is for")
    keying.add_argument(
        "--scope",
        action="append",
        choices=tenants.EVERY_SCOPE,
        help="give it again for more; default all three",
    )
    keying.add_argument("--days", type=days, help="it expires after so many; default never")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
