"""Lists that grow with use come in parts: the header ``Link`` names the address of the next one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request, Response

from api.fields import MAX_ID

MOST_ROWS = 1000
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS)]
LastSeen = Annotated[
    int | None, Query(ge=1, le=MAX_ID, description="id of the last one seen, as the Link has it")
]

IN_PARTS: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "Link": {
                "description": "where there are more: the address of the next ones",
                "schema": {"type": "string"},
                "example": '<https://loa.example/api/v1/programmes?before=7>; rel="next"',
            }
        }
    }
}


def name_next(request: Request, response: Response, **where: str | int) -> None:
    """Name the address at which the list goes on; ``where`` replaces what the question had."""
    following = request.url.include_query_params(**where)
    response.headers["Link"] = f'<{following}>; rel="next"'
