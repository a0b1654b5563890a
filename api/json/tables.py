"""A table as a program sends it: the text of a CSV file, and what was agreed to."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from scheduler.csvrows import MAX_BYTES, read_csv_text


class TableIn(BaseModel):
    """The text of a CSV file."""

    model_config = ConfigDict(extra="forbid")

    table: str = Field(min_length=1, max_length=MAX_BYTES)
    name: str = Field("table", min_length=1, max_length=120)
    seen: str | None = Field(None, max_length=64, description="digest of the preview agreed to")

    def text(self) -> str:
        """
        Raises:
            FileRefused: it is larger than a table may be.
        """
        return read_csv_text(self.table.encode("utf-8", "replace"), self.name)
