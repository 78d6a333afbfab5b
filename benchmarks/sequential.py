"""What an administrator would write: one session, one request after another, no limiter.

Needs the variables that `auditor sandbox` prints, and prints requests and seconds as JSON.

    python benchmarks/sequential.py --account settings --user settings --most 300
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import requests


def main() -> None:
    """Read the documents named on the command line, of everybody, until `--most` requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    for level in ("account", "group", "user"):
        parser.add_argument(f"--{level}", action="append", default=[], metavar="DOCUMENT")
    parser.add_argument("--most", type=int, required=True, help="Stop after so many requests.")
    wanted = parser.parse_args()

    session = requests.Session()
    began = time.monotonic()
    session.headers["Authorization"] = f"Bearer {token(session)}"
    done = 1
    for _ in documents(session, wanted):
        done += 1
        if done >= wanted.most:
            break
    seconds = time.monotonic() - began
    sys.stdout.write(json.dumps({"requests": done, "seconds": seconds}) + "\n")


def token(session: requests.Session) -> str:
    """A token of the Server-to-Server app."""
    answer = session.post(
        os.environ["ZOOM_OAUTH_URL"],
        data={"grant_type": "account_credentials", "account_id": os.environ["ZOOM_ACCOUNT_ID"]},
        auth=(os.environ["ZOOM_CLIENT_ID"], os.environ["ZOOM_CLIENT_SECRET"]),
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def documents(session: requests.Session, wanted: argparse.Namespace) -> Iterator[object]:
    """Every answer, as it comes."""
    for name in wanted.account:
        yield get(session, f"/accounts/me/{name}")
    groups: list[str] = []
    for page in pages(session, "/groups?page_size=300"):
        groups += [row["id"] for row in page["groups"]]
        yield page
    for group in groups:
        for name in wanted.group:
            yield get(session, f"/groups/{group}/{name}")
    users: list[str] = []
    for status in ("active", "inactive"):
        for page in pages(session, f"/users?page_size=300&status={status}"):
            users += [row["id"] for row in page["users"]]
            yield page
    for user in users:
        for name in wanted.user:
            yield get(session, f"/users/{user}/{name}")


def pages(session: requests.Session, path: str) -> Iterator[dict[str, Any]]:
    """The pages of a listing."""
    following = ""
    while True:
        page = get(session, f"{path}&next_page_token={following}")
        yield page
        following = page.get("next_page_token", "")
        if not following:
            return


def get(session: requests.Session, path: str) -> dict[str, Any]:
    """The body of an answer."""
    answer = session.get(os.environ["ZOOM_API_URL"] + path, timeout=30)
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


if __name__ == "__main__":
    main()
