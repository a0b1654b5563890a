"""Tables come from Excel, from phones and from strangers."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.csvrows import MAX_BYTES, MAX_ROWS, Column, read_csv_text, rows_of
from scheduler.errors import CoreError, FileRefused, WrongEncoding

COLUMNS = (Column("code", True, "", ""), Column("name", False, "", ""))
TEXT = "code,name\ndao-ly,Đạo Lý\n"


def rows(text: str) -> list[tuple[int, dict[str, str]]]:
    return list(rows_of(text, COLUMNS, "x.csv"))


def problems(text: str) -> list[str]:
    with pytest.raises(FileRefused) as refused:
        rows(text)
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_utf_8_is_read_with_and_without_the_mark(mark: bytes, tmp_path: Path) -> None:
    """Excel's "CSV UTF-8" begins with a mark; nobody sees it, and nothing breaks on it."""
    path = tmp_path / "x.csv"
    path.write_bytes(mark + TEXT.encode())

    assert rows(read_csv_text(path, "x.csv")) == [(2, {"code": "dao-ly", "name": "Đạo Lý"})]


@pytest.mark.parametrize("encoding", ["cp1258", "utf-16-le", "latin-1"])
def test_another_encoding_is_refused_with_what_to_do(encoding: str) -> None:
    """Names must not come in as rubbish: "CSV UTF-8" is what to save as."""
    name = "Đạo Lý" if encoding != "latin-1" else "Hà Nam"
    data = unicodedata.normalize("NFD" if encoding == "cp1258" else "NFC", name)
    text = f"code,name\ndao-ly,{data}\n"

    with pytest.raises(WrongEncoding) as refused:
        read_csv_text(text.encode(encoding, "replace"), "bảng.csv")

    assert 'Save it as "CSV UTF-8"' in str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("cut", [",", ";", "\t"])
def test_whatever_excel_saves_with_all_letters_is_read(encoding: str, cut: str) -> None:
    """Comma, semicolon or tab, with the mark of the encoding: the same rows."""
    text = TEXT.replace(",", cut)

    assert rows(read_csv_text(text.encode(encoding), "x.csv")) == [
        (2, {"code": "dao-ly", "name": "Đạo Lý"})
    ]


def test_the_line_in_which_excel_names_its_separator_is_no_row() -> None:
    """It is counted, as every line is."""
    assert rows("sep=;\n" + TEXT.replace(",", ";")) == [(3, {"code": "dao-ly", "name": "Đạo Lý"})]


def test_a_comma_within_a_cell_of_a_semicolon_table_is_a_comma() -> None:
    """Decimal commas do not cut a row."""
    assert rows("code;name\na;1,5\n") == [(2, {"code": "a", "name": "1,5"})]


def test_a_table_that_is_too_large_is_refused_unread() -> None:
    """Eight megabytes are a hundred provinces."""
    with pytest.raises(FileRefused):
        read_csv_text(b"x" * (MAX_BYTES + 1), "x.csv")


def test_the_header_tells_all_that_is_wrong_with_it() -> None:
    """Missing, unknown and doubled columns at once."""
    assert problems("Code,name,name\n") == [
        'Line 1: the column "code" is missing',
        'Line 1: the column "Code" is unknown',
        'Line 1: the column "name" stands twice',
    ]


def test_an_empty_file_lacks_its_columns() -> None:
    """Nothing is a table without columns."""
    assert problems("") == ['Line 1: the column "code" is missing']


def test_rows_keep_their_own_lines() -> None:
    """Empty lines are passed over and still counted; cells are trimmed; old line ends do."""
    assert rows("code,name\r\n\r\n a , b \rc\n,,\n")[:2] == [
        (3, {"code": "a", "name": "b"}),
        (4, {"code": "c", "name": ""}),
    ]


def test_a_row_with_too_many_cells_is_told_with_its_line() -> None:
    """A comma in a name moves every cell after it: never guessed at."""
    assert problems("code,name\na,b\nc,d,e\n") == ["Line 3: 3 cells, but 2 columns"]


def test_an_open_quote_is_no_table() -> None:
    """Half a file ends inside a cell."""
    assert "not a table" in problems('code,name\na,"b\n')[0]


def test_more_rows_than_stations_in_the_country_are_refused() -> None:
    """Bounded, whatever is given."""
    assert problems("code\n" + "a\n" * (MAX_ROWS + 1)) == [
        f"Line {MAX_ROWS + 2}: the file has more than {MAX_ROWS} rows"
    ]


def test_composed_and_decomposed_letters_are_one_name() -> None:
    """What looks equal is equal."""
    [(_, cells)] = rows(unicodedata.normalize("NFD", TEXT))

    assert cells["name"] == "Đạo Lý"


@given(st.binary(max_size=400))
def test_no_bytes_do_anything_but_pass_or_be_refused(data: bytes) -> None:
    """A table is taken or refused with a sentence; nothing else ever comes of it."""
    try:
        for line, cells in rows(read_csv_text(b"code,name\n" + data, "x.csv")):
            assert line > 1
            assert set(cells) == {"code", "name"}
    except CoreError as error:
        assert str(error)
