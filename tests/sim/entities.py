# SPDX-License-Identifier: MIT
"""What can be searched: for each entity its path, its properties and the parameters that filter by them.

Knows the vendor's names and types; holds no record and answers nothing.
"""

import datetime

MINUTE_FORMAT = "%Y-%m-%dT%H:%M"


class BadValue(ValueError):
    """A parameter's value that the server answers with 400."""


def integer(text):
    digits = text[1:] if text.startswith("-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise BadValue("an integer is expected")
    number = int(text)
    if not -(1 << 63) <= number < 1 << 63:
        raise BadValue("the integer does not fit 64 bits")
    return number


def boolean(text):
    word = text.lower()
    if word not in ("true", "false"):
        raise BadValue("true or false is expected")
    return word == "true"


def action(text):
    number = integer(text)
    if not 1 <= number <= 90:
        raise BadValue("an action from 1 to 90 is expected")
    return number


def minute(text):
    if len(text) != len("2025-01-15T10:30"):
        raise BadValue("a date-time YYYY-MM-DDTHH:mm is expected")
    try:
        return datetime.datetime.strptime(text, MINUTE_FORMAT)
    except ValueError:
        raise BadValue("a date-time YYYY-MM-DDTHH:mm is expected") from None


class Filter:
    """One parameter: which property it looks at, how its value is read, and how the two are compared."""

    def __init__(self, prop, read, compare="=", repeats=False):
        self.prop, self.read, self.compare, self.repeats = prop, read, compare, repeats

    def accepts(self, value, wanted):
        """`wanted` is the list of values that came; several mean any of them."""
        if value is None:
            return False
        if self.compare == ">=":
            return value >= wanted[0]
        if self.compare == "<=":
            return value <= wanted[0]
        return value in wanted


class Entity:
    """`defaults` are the values of parameters that were left out; `size_cap` is the largest page it gives."""

    def __init__(self, name, path, properties, filters, defaults=None, size_cap=1000):
        self.name, self.path, self.size_cap = name, path, size_cap
        self.properties = {prop.lower(): prop for prop in properties}
        self.filters = {parameter.lower(): spec for parameter, spec in filters.items()}
        self.defaults = {"page": "1", "size": "25", "orderby": "Id", "dir": "0"}
        self.defaults |= {parameter.lower(): value for parameter, value in (defaults or {}).items()}


def _bounds(prefix, prop, read):
    return {f"from_{prefix}_{prop}": Filter(prop, read, ">="), f"to_{prefix}_{prop}": Filter(prop, read, "<=")}


WEBHOOKS = Entity(
    "webhooks",
    "/api/sys/webhooks",
    ["Id", "UniqueId", "BusinessId", "Name", "Action", "Description", "URL", "Active", "LastError", "ErrorCount",
     "LastTrigger", "CreatedOn", "UpdatedOn", "UpdatedBy", "IsNew", "SystemId", "ToStringText", "LocalizationDetails",
     "CustomFields"],
    {
        "Id": Filter("Id", integer, repeats=True),
        "UniqueId": Filter("UniqueId", str),
        "WebHook_SystemId": Filter("SystemId", str),
        "WebHook_Business": Filter("BusinessId", integer),
        "WebHook_Name": Filter("Name", str),
        "WebHook_Action": Filter("Action", action),
        "WebHook_Description": Filter("Description", str),
        "WebHook_URL": Filter("URL", str),
        "WebHook_Active": Filter("Active", boolean),
        "WebHook_LastError": Filter("LastError", str),
        "WebHook_ErrorCount": Filter("ErrorCount", integer),
        "WebHook_LastTrigger": Filter("LastTrigger", minute),
        **_bounds("WebHook", "ErrorCount", integer),
        **_bounds("WebHook", "LastTrigger", minute),
        **_bounds("WebHook", "CreatedOn", minute),
        **_bounds("WebHook", "UpdatedOn", minute),
    },
)

# An entity that differs in all that a schema can say: other defaults, also of filters, and a smaller page.
COWORKERS = Entity(
    "coworkers",
    "/api/spaces/coworkers",
    ["Id", "UniqueId", "FullName", "Email", "Country", "Tag", "Active", "Type", "Floor", "CreatedOn"],
    {
        "Coworker_Email": Filter("Email", str),
        "Coworker_Country": Filter("Country", str),
        "Coworker_Tag": Filter("Tag", str, repeats=True),
        "Coworker_Active": Filter("Active", boolean),
        "Coworker_Type": Filter("Type", integer, repeats=True),
        "Coworker_Floor": Filter("Floor", integer),
        **_bounds("Coworker", "CreatedOn", minute),
    },
    {"size": "10", "orderBy": "FullName", "dir": "1", "Coworker_Country": "Åland & co", "Coworker_Active": "true"},
    size_cap=100,
)

ENTITIES = (WEBHOOKS, COWORKERS)
