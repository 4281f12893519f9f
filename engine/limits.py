"""What values on the wire must keep to, stated beside the fields of `protocol.py` and enforced by the server.

Standard library only, because Blender imports it. pydantic calls the two methods by their names, so that neither side
types a field twice: the server's checks and its OpenAPI document are made from the protocol's own dataclasses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limits:
    """Bounds of a number, lengths of a text or list, a pattern, or the only texts allowed; `about` says what it is.

    Types are strict: no text is taken for a number, and no number for true or false.
    """

    least: float | None = None
    most: float | None = None
    shortest: int | None = None
    longest: int | None = None
    pattern: str | None = None
    among: tuple[str, ...] = ()
    about: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        if self.among:
            return {"type": "literal", "expected": list(self.among)}
        schema = dict(handler(source))
        given = {
            "ge": self.least,
            "le": self.most,
            "min_length": self.shortest,
            "max_length": self.longest,
            "pattern": self.pattern,
        }
        schema |= {name: value for name, value in given.items() if value is not None}
        schema["strict"] = schema["type"] != "tuple"  # JSON has lists only
        if schema["type"] == "float":
            schema["allow_inf_nan"] = False
        return schema

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        made = handler(schema)
        return {**made, "description": self.about} if self.about else made
