"""The API against its own description: whatever is sent, the answer is one that it names."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.auth import cookie_name
from tests.web.site import Site

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@schemathesis.serializer("application/offset+octet-stream")
def as_bytes(context: schemathesis.SerializationContext, value: object) -> object:
    """The next bytes of an upload, as they are."""
    return value


EXAMPLES = 12  # of each operation, the same ones every time


def test_anonymous_is_refused_the_document(shared_site: Site) -> None:
    """What there is to ask for is told to those who may ask."""
    with shared_site.client() as client:
        assert client.get("/api/v1/openapi.json").status_code == 401


def test_everything_that_the_document_allows_is_answered_as_it_says(site: Site) -> None:
    """No 500, no answer of another form, for values at and beyond every limit."""
    with site.client("admin") as client:
        document = client.get("/api/v1/openapi.json").json()
    cookies = {cookie_name(site.hub): site.token("admin")}
    operations = [one.ok() for one in schemathesis.openapi.from_dict(document).get_all_operations()]
    assert len(operations) > 15
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            response = case.call(base_url=site.url, cookies=cookies)
            case.validate_response(response, checks=CHECKS)

        ask()
