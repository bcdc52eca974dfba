#!/usr/bin/env python3
"""A billing system in small: follows the released figures of a gateway and misses or doubles none, whenever it is stopped.

    GRIDTALLY_TOKEN=gt_... python3 examples/billing_follow.py http://127.0.0.1:8645 figures.db [--once]

Needs Python 3.9 and nothing else. The number of the last change is stored in the same transaction as the figures: a process that is
killed goes on where its last commit was.
"""
import json
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from os import environ
from urllib.parse import urlencode

SCHEMA = """
CREATE TABLE IF NOT EXISTS figure (point TEXT, at TEXT, register TEXT, version INTEGER, value TEXT, ratio TEXT, primary_value TEXT,
  PRIMARY KEY (point, at, register));
CREATE TABLE IF NOT EXISTS place (seq INTEGER);
"""


def ask(url, since, wait_s):
    query = urlencode({"since": since, "limit": 500, "waitS": wait_s})
    request = urllib.request.Request(
        f"{url}/api/v1/billing/changes?{query}", headers={"Authorization": "Bearer " + environ["GRIDTALLY_TOKEN"]}
    )
    with urllib.request.urlopen(request, timeout=wait_s + 30) as answer:
        return json.load(answer)


def take(database, page):
    """Takes one page in one transaction. Numbers stay text: a float has not all digits of a register."""
    with database:
        for change in page["items"]:
            key = (change["point"], change["at"], change["register"])
            figure = change["new"]
            if figure is None:
                database.execute("DELETE FROM figure WHERE point = ? AND at = ? AND register = ?", key)
            else:
                database.execute(
                    "INSERT OR REPLACE INTO figure VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*key, change["version"], figure["value"], figure["ratio"], figure["primary"]),
                )
        database.execute("DELETE FROM place")
        database.execute("INSERT INTO place VALUES (?)", (page["next"],))


def follow(url, path, once):
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    row = database.execute("SELECT seq FROM place").fetchone()
    since = row[0] if row else 0
    while True:
        try:
            page = ask(url, since, 0 if once else 15)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                sys.exit(f"refused: {error.read().decode()}")
            time.sleep(int(error.headers.get("retry-after", 5)))
            continue
        except OSError as error:  # the gateway is not there, or went away in the middle: nothing was taken
            if once:
                sys.exit(f"{url} cannot be reached: {error}")
            time.sleep(5)
            continue
        take(database, page)
        since = page["next"]
        if once and not page["more"]:
            break
    count = database.execute("SELECT count(*) FROM figure").fetchone()[0]
    print(f"{count} figures, up to change {since}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    follow(sys.argv[1], sys.argv[2], "--once" in sys.argv)
