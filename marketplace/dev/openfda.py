"""
Writes files that look like openFDA's, for tests and the demo.

The records of `REAL` are as the FDA published them, as far as they are known; every other record is drawn by lot, about
firms that do not exist.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

REAL: tuple[Mapping[str, Any], ...] = (
    {
        "number": "Z-1354-2023",
        "event": "91847",
        "firm": "Solta Medical Inc",
        "device": "Thermage CPT System REF TG-2B",
        "codes": "1 unit, MD",
        "reason": "service unit possibly tested on a failed station",
        "classification": "Class II",
        "status": "Ongoing",
        "started": date(2023, 2, 16),
    },
    {
        "number": "Z-1346-2022",
        "event": "90331",
        "firm": "Zeltiq",
        "device": "CoolMax ZELTIQ Vacuum Applicator BRZ-AP1-080-000",
        "codes": "UDI-DI 00816417020230; serials V082010246001",
        "reason": "not stated in the copy that was read",
        "product_code": "OOK",
        "k_numbers": ["K181740"],
        "status": "Open, Classified",
        "started": date(2022, 6, 9),
    },
)

_FIRMS = ("Nowhere Devices Inc", "Harbor & Vale Medical", "Quill Instruments LLC", "Ostrander Works")
_DEVICES = ("infusion pump", "hip stem", "patient monitor", "surgical drape", "syringe 10 ml")


def strangers(number: int, *, seed: int = 1) -> Iterator[Mapping[str, Any]]:
    """Draw recalls of devices that nobody sells here."""
    lot = Random(seed)
    for position in range(number):
        yield {
            "number": f"Z-{position + 1:04}-2019",
            "event": str(80_000 + position),
            "firm": lot.choice(_FIRMS),
            "device": f"Model {position} {lot.choice(_DEVICES)}",
            "codes": f"Lot {lot.randrange(10_000)}\nLot {lot.randrange(10_000)}",
            "reason": "The label may come off.",
            "product_code": "FRN",
            "classification": "Class II",
            "status": "Terminated",
            "started": date(2019, 1, 7) + timedelta(days=position % 300),
        }


def recalls(found: Iterable[Mapping[str, Any]]) -> bytes:
    """Write the file of recalls, which knows no classes."""
    return _written(
        {
            "cfres_id": "1",
            "product_res_number": one["number"],
            "res_event_number": one.get("event", ""),
            "event_date_initiated": _iso(one.get("started")),
            "event_date_posted": _iso(one.get("posted")),
            "event_date_terminated": _iso(one.get("ended")),
            "recall_status": one.get("status", ""),
            "recalling_firm": one.get("firm", ""),
            "product_description": one.get("device", ""),
            "code_info": one.get("codes", ""),
            "reason_for_recall": one.get("reason", ""),
            "product_code": one.get("product_code", ""),
            "k_numbers": one.get("k_numbers", []),
            "openfda": {},
        }
        for one in found
    )


def enforcement(found: Iterable[Mapping[str, Any]]) -> bytes:
    """Write the file of enforcement reports: days without dashes, "N/A" for what is empty."""
    return _written(
        {
            "recall_number": one["number"],
            "event_id": one.get("event", "N/A"),
            "classification": one.get("classification", "N/A"),
            "status": one.get("status", "N/A"),
            "recall_initiation_date": _iso(one.get("started")).replace("-", ""),
            "report_date": _iso(one.get("posted")).replace("-", ""),
            "termination_date": _iso(one.get("ended")).replace("-", ""),
            "product_type": "Devices",
            "recalling_firm": one.get("firm", "N/A"),
            "product_description": one.get("device", "N/A"),
            "code_info": one.get("codes", "N/A"),
            "more_code_info": "N/A",
            "reason_for_recall": one.get("reason", "N/A"),
            "voluntary_mandated": "Voluntary: Firm initiated",
            "openfda": {"k_number": one["k_numbers"]} if one.get("k_numbers") else {},
        }
        for one in found
    )


def clearances(found: Iterable[Mapping[str, Any]]) -> bytes:
    """Write the file of 510(k) decisions."""
    return _written(
        {
            "k_number": one["number"],
            "device_name": one.get("device", ""),
            "applicant": one.get("firm", ""),
            "product_code": one.get("product_code", ""),
            "decision_code": "SESE",
            "decision_description": "Substantially Equivalent",
            "decision_date": _iso(one.get("posted")),
            "date_received": _iso(one.get("started")),
            "clearance_type": "Traditional",
            "openfda": {"device_class": "2"},
        }
        for one in found
    )


def _iso(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _written(records: Iterable[Mapping[str, Any]]) -> bytes:
    results = list(records)
    meta = {"disclaimer": "Do not rely on openFDA to make decisions.", "results": {"skip": 0, "total": len(results)}}
    return json.dumps({"meta": meta, "results": results}, indent=1).encode()
