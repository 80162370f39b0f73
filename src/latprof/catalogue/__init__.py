"""Facts about models, hardware, services and prices, each with its source; read from TOML files.

The names below are loaded when they are first used. Example:

    from latprof.catalogue import load_catalogue
    catalogue = load_catalogue()
    catalogue.find("h100-sxm").number("bandwidth_gb_s")
    catalogue.gpu("h100-sxm").bandwidth_gb_s
    catalogue.architecture("minimax-m2.5").kv_bytes_per_token
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__all__ = [
    "AGE_LIMITS_DAYS",
    "CONDITIONS",
    "QUANTITIES",
    "TYPES",
    "Amount",
    "Architecture",
    "Catalogue",
    "CatalogueFile",
    "Conflict",
    "Entry",
    "Fact",
    "Gpu",
    "Quantity",
    "Reference",
    "Source",
    "catalogue_schema",
    "check_file",
    "is_old",
    "load_catalogue",
    "own_files",
    "parse_amount",
]

_HOMES = {
    "AGE_LIMITS_DAYS": "age",
    "CONDITIONS": "vocabulary",
    "QUANTITIES": "vocabulary",
    "TYPES": "vocabulary",
    "Amount": "amounts",
    "Architecture": "views",
    "Catalogue": "catalogue",
    "CatalogueFile": "schema",
    "Conflict": "facts",
    "Entry": "facts",
    "Fact": "facts",
    "Gpu": "views",
    "Quantity": "vocabulary",
    "Reference": "facts",
    "Source": "facts",
    "catalogue_schema": "schema",
    "check_file": "schema",
    "is_old": "age",
    "load_catalogue": "load",
    "own_files": "load",
    "parse_amount": "amounts",
}

if TYPE_CHECKING:
    from latprof.catalogue.age import AGE_LIMITS_DAYS, is_old
    from latprof.catalogue.amounts import Amount, parse_amount
    from latprof.catalogue.catalogue import Catalogue
    from latprof.catalogue.facts import Conflict, Entry, Fact, Reference, Source
    from latprof.catalogue.load import load_catalogue, own_files
    from latprof.catalogue.schema import CatalogueFile, catalogue_schema, check_file
    from latprof.catalogue.views import Architecture, Gpu
    from latprof.catalogue.vocabulary import CONDITIONS, QUANTITIES, TYPES, Quantity


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'latprof.catalogue' has no attribute {name!r}")
    return getattr(importlib.import_module(f"latprof.catalogue.{home}"), name)
