"""An imported call list: which column is what, and a row of cells as one call.

A row becomes the JSON that the `call_list` connector reads: at (UTC text), direction, number, line, agent, talk_s, total_s,
outcome, reason, call_id, recording_url; what is not said is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tieline.core.facts import Direction
from tieline.core.reasons import Reason, because
from tieline.core.table import headings, plain
from tieline.flows.calls import list_cells as cells
from tieline.flows.calls.list_cells import CellError, DateOrder

COLUMNS = (
    "time", "clock", "direction", "number", "line", "caller", "called", "duration", "outcome", "agent", "call_id", "recording_url",
)  # fmt: skip
"""What a column can be. clock: the time of day, where it stands apart from the date; caller, called: instead of number and line,
then the direction says which of them is ours."""

_NAMES: Mapping[str, str] = {
    "time": "time,date,date time,datetime,start,start time,started,started at,start date,call time,call date,call start,begin,"
    "timestamp,when,date et heure,date heure,date de l appel,date d appel,debut,heure de debut,horodatage,tidspunkt,dato,"
    "starttid,dato tid,dato og tid,opkaldstid,data,data e ora,data ora,inizio,ora inizio,ora di inizio,calldate,start datetime",
    "clock": "hour,time of day,heure,klokkeslaet,tid,kl,ora,orario",
    "direction": "direction,type,call type,kind,call direction,sens,type d appel,sens de l appel,retning,opkaldstype,type opkald,"
    "direzione,tipo,tipo chiamata,tipo di chiamata,in out",
    "number": "number,phone,phone number,telephone,external number,customer number,contact number,remote number,other party,"
    "numero,numero client,numero externe,telephone client,correspondant,nummer,telefon,telefonnummer,kundens nummer,"
    "numero cliente,telefono,numero esterno,contact,client,customer",
    "line": "line,our number,company number,did,internal number,line number,department,ligne,numero interne,notre numero,sda,"
    "linje,vores nummer,hovednummer,linea,numero interno,nostro numero,ivr,queue",
    "caller": "caller,from,from number,caller number,calling number,source,src,caller id,callerid,a number,appelant,de,"
    "numero appelant,opkalder,fra,fra nummer,chiamante,da,numero chiamante",
    "called": "called,to,to number,callee,called number,dialed number,dialled number,destination,dst,receiver,b number,appele,"
    "vers,numero appele,numero compose,modtager,til,til nummer,chiamato,numero chiamato,destinazione,destinatario",
    "duration": "duration,talk time,call duration,seconds,duration s,duration sec,duration seconds,duration in seconds,"
    "length,billsec,talk s,in call duration,minutes,duration minutes,duration min,duration in minutes,duree,duree s,"
    "duree secondes,duree en secondes,temps de conversation,varighed,taletid,varighed sek,durata,durata s,durata secondi,"
    "conversation",
    "outcome": "outcome,status,result,disposition,call status,state,answered,statut,resultat,etat,repondu,udfald,resultatet,"
    "besvaret,esito,stato,risultato",
    "agent": "agent,user,employee,extension,answered by,user name,username,agent name,owner,utilisateur,collaborateur,poste,"
    "repondu par,bruger,medarbejder,lokalnummer,besvaret af,utente,operatore,interno,agente,email",
    "call_id": "call id,callid,id,uuid,unique id,uniqueid,call uuid,cdr id,reference,ref,identifiant,id appel,id de l appel,"
    "opkalds id,id chiamata,linkedid,call sid,sid,pbx id",
    "recording_url": "recording,recording url,record,audio,audio url,recording link,record url,enregistrement,lien d enregistrement,"
    "optagelse,lydfil,link til optagelse,registrazione,link registrazione",
}  # fmt: skip
KNOWN = {name: column for column, names in _NAMES.items() for name in names.split(",")}
"""A heading as `core.table.plain` leaves it → what it is."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a list is read: what a person confirmed before the import.

    columns        what → index of the column (from 0)
    zone           IANA name of the zone in which times without one are written
    order          which of 03/04 is the day
    direction      of every call, where no column says it
    minutes        durations count minutes
    """

    columns: Mapping[str, int] = field(default_factory=dict)
    zone: str = "UTC"
    order: DateOrder = "dmy"
    direction: Direction | None = None
    minutes: bool = False

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "columns": dict(self.columns)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Reading:
        return cls(**raw)

    def lacking(self) -> tuple[str, ...]:
        """What must be said before anything can be read: "time", "direction", "number"."""
        has = self.columns
        out = [] if "time" in has else ["time"]
        if "direction" not in has and self.direction is None:
            out.append("direction")
        if "number" not in has and not {"caller", "called"} <= has.keys():
            out.append("number")
        return tuple(out)


def has_heading(first: Sequence[str]) -> bool:
    """Whether the first row names the columns: none of its cells is a time or a number, or two of them are names we know."""
    if sum(plain(cell) in KNOWN for cell in first) > 1:
        return True
    return not any(_is_value(cell) for cell in first if cell)


def _is_value(cell: str) -> bool:
    if sum(sign.isdigit() for sign in cell) < 5:
        return False
    try:
        cells.moment(cell, "", "UTC", "dmy")
    except CellError:
        return sum(sign.isdigit() for sign in cell) >= 6 and not any(sign.isalpha() for sign in cell)
    return True


def suggested(heading: Sequence[str], rows: Sequence[Sequence[str]], *, zone: str) -> Reading:
    """What the columns seem to be, by their names and by what stands in the first rows."""
    found: dict[str, int] = {}
    named = [KNOWN.get(plain(name)) for name in heading]
    for index, what in enumerate(named):
        if what is not None:
            found.setdefault(what, index)
    for index, name in enumerate(heading):  # "Caller (external)" when nothing is called "Caller"
        if named[index] is None:
            known = next((KNOWN[start] for start in _starts(plain(name)) if start in KNOWN), None)
            if known is not None and known not in found:
                found[known] = index
    _by_content(found, heading, rows)
    if (
        "clock" in found
        and "time" in found
        and any(":" in row[found["time"]] for row in rows if len(row) > found["time"])
    ):
        del found["clock"]  # "Date" has the time of day already
    if {"caller", "called"} <= found.keys():
        found.pop("number", None)
        if "direction" in found:
            found.pop("line", None)
    times = [row[found["time"]] for row in rows if "time" in found and len(row) > found["time"]]
    unit = plain(heading[found["duration"]]) if "duration" in found else ""
    return Reading(found, zone, cells.order_of(times) or "dmy", None, "min" in unit)


def _starts(name: str) -> list[str]:
    words = name.split()
    return [" ".join(words[:count]) for count in range(len(words) - 1, 0, -1) if len(words[0]) > 2]


def _by_content(found: dict[str, int], heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A time and a direction are known by what they look like, under whatever name."""
    for index in range(len(heading)):
        if index in found.values():
            continue
        texts = [row[index] for row in rows if len(row) > index and row[index]]
        if not texts:
            continue
        if "time" not in found and all(_is_time(text) for text in texts):
            found["time"] = index
        elif "direction" not in found and all((cells.WORDS.get(plain(one)) or cells.Way()).direction for one in texts):
            found["direction"] = index
        elif "recording_url" not in found and all(one.startswith(("http://", "https://")) for one in texts):
            found["recording_url"] = index


def _is_time(text: str) -> bool:
    try:
        cells.moment(text, "", "UTC", "dmy")
    except CellError:
        return False
    return ":" in text


Wrong = tuple[str, Reason]
"""(what: one of COLUMNS, why)."""


def call_of(row: Sequence[str], reading: Reading, *, now: str = "") -> dict[str, Any] | list[Wrong]:
    """A row as a call, or everything that is wrong with it. `now` (UTC text): no call of a list began after it."""

    def cell(what: str) -> str:
        index = reading.columns.get(what)
        return row[index] if index is not None and index < len(row) else ""

    if not row:
        return [("time", because(cells.NOT_A_ROW))]
    out: dict[str, Any] = {}
    wrong: list[Wrong] = []
    try:
        out["at"] = cells.moment(cell("time"), cell("clock"), reading.zone, reading.order)
        if now and out["at"] > now:
            wrong.append(("time", because(cells.FUTURE, value=f"{cell('time')} {cell('clock')}".strip())))
    except CellError as error:
        wrong.append(("time", error.reason))
    way = cells.Way(reading.direction)
    try:
        if cell("direction"):
            way = cells.way(cell("direction"))
        elif reading.direction is None:
            wrong.append(("direction", because(cells.NO_DIRECTION)))
    except CellError as error:
        wrong.append(("direction", error.reason))
    direction: Direction = way.direction or "inbound"
    out["direction"] = direction
    _numbers(out, wrong, cell, reading, direction)
    _end(out, wrong, cell, reading, way)
    out["agent"] = cell("agent")[:120]
    for what, read in (("call_id", cells.key), ("recording_url", cells.link)):
        try:
            out[what] = read(cell(what))
        except CellError as error:
            wrong.append((what, error.reason))
    return wrong or {name: value for name, value in out.items() if value not in (None, "") or name == "number"}


def _numbers(out: dict[str, Any], wrong: list[Wrong], cell: Any, reading: Reading, direction: Direction) -> None:
    """The number outside and our line, by their columns or by who called whom."""
    ours, theirs = ("called", "caller") if direction == "inbound" else ("caller", "called")
    for name, what in (("number", "number" if "number" in reading.columns else theirs), ("line", "line")):
        source = what if what in reading.columns else ours if name == "line" else what
        try:
            out[name] = cells.number(cell(source)) if name == "number" else cell(source)[:60]
        except CellError as error:
            wrong.append((source, error.reason))


def _end(out: dict[str, Any], wrong: list[Wrong], cell: Any, reading: Reading, way: cells.Way) -> None:
    """How it ended and how long it took. What rang and was not answered has no talk, whatever its duration says."""
    try:
        seconds = cells.duration(cell("duration"), minutes=reading.minutes)
    except CellError as error:
        wrong.append(("duration", error.reason))
        return
    try:
        result = way.outcome or cells.outcome(cell("outcome"), way.direction or "inbound")
    except CellError as error:
        wrong.append(("outcome", error.reason))
        return
    if cell("outcome"):
        out["reason"] = cell("outcome")[:120]
    if result is not None:
        out["outcome"] = result
    if seconds is None:
        return
    if result in (None, "answered"):
        out["talk_s"] = seconds
    else:
        out["talk_s"], out["total_s"] = 0, seconds


def named(first: Sequence[str], *, has_names: bool) -> list[str]:
    """Names of the columns, numbered where the list has none."""
    return headings(first if has_names else ["" for _ in first])
