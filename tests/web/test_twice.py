"""Every form of every page, sent twice: nothing is done twice."""

from __future__ import annotations

import pytest

from tests.web.crawl import forms_of
from tests.web.site import Site


def test_show(site: Site) -> None:
    for who in ("admin","huong","tuan","lan","dao"):
        with site.client(who) as client:
            for form in forms_of(client):
                print(who, form.page, form.signature, {n:k for n,k in form.typed.items()}, form.buttons)
