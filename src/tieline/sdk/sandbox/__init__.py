"""The sandbox kit: what a connector's ``sandbox.py`` is written with, and the server that plays them.

Vendor routes are under ``/<connector>/…`` with the vendor's own paths below. Control routes are under ``/_control/<connector>/``:

| route | does |
|---|---|
| GET counts | requests by method and path template, statuses, peak in flight, what the sandbox adds (credits) |
| GET log?n= | the last requests and answers with bodies |
| POST, GET, DELETE faults | rules of :class:`Fault` as JSON (one or a list) |
| POST latency {"ms"} | delay before each request takes effect |
| POST index_lag {"s"} | fresh records stay invisible to searches for so long |
| POST clock {"advance"} | move the sandbox's clock, seconds |
| POST token/expire | refuse every access token from now on |
| GET records?module=, POST records | everything stored; put records in without checks |
| POST reset {"everything"} | back to the seed, counters and faults too; grants and tokens stay unless everything |
"""

from tieline.sdk.sandbox.base import Sandbox, refuse
from tieline.sdk.sandbox.faults import Fault
from tieline.sdk.sandbox.http import Part, Reply, Request, html_reply, json_reply, redirect
from tieline.sdk.sandbox.server import Running, main, scan, serve

__all__ = [
    "Fault",
    "Part",
    "Reply",
    "Request",
    "Running",
    "Sandbox",
    "html_reply",
    "json_reply",
    "main",
    "redirect",
    "refuse",
    "scan",
    "serve",
]
