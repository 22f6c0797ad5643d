"""Files become rows: good ones with a record, bad ones with their line number and the reasons."""

import io
import json
from typing import Any

import pytest

from api.core.errors import AppError
from api.services.transfer.lines import MAX_LINE_BYTES
from api.services.transfer.reading import FileFormat, Source, format_of
from api.services.transfer.records import ItemRecord
from api.services.transfer.rows import BadRow, Row

ID = "0198c0de-7a3f-7c21-9e55-0c2f4b6d8e10"
LONG = b"x" * (MAX_LINE_BYTES + 1)


def read(data: str | bytes, format_: FileFormat, **options: Any) -> list[Row | BadRow]:
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return list(Source(stream, format_, **options).rows())


def read_csv(data: str | bytes, **options: Any) -> list[Row | BadRow]:
    return read(data, FileFormat.CSV, **options)


def read_json(data: str | bytes, **options: Any) -> list[Row | BadRow]:
    return read(data, FileFormat.JSONL, **options)


def sent(row: Row | BadRow) -> dict[str, Any]:
    assert isinstance(row, Row), row
    return row.record.model_dump(mode="json", exclude_unset=True)


def test_cells_of_a_csv_file_become_the_fields_of_an_item() -> None:
    header = "title,description,status,priority,tags,fields,fields.bed,due_at,assignee,owner,version"
    cells = 'Seeds, two ,done,3,"a; b,c;","{""x"": 1}",7,2026-01-31T09:00:00+01:00,Ada@Example.com,bob@example.com,4'

    (row,) = read_csv(f"{header}\n{cells}\n")

    assert sent(row) == {
        "title": "Seeds",
        "description": " two ",
        "status": "done",
        "priority": 3,
        "tags": ["a", "b", "c"],
        "fields": {"x": 1, "bed": "7"},
        "due_at": "2026-01-31T08:00:00.000000Z",
        "assignee": "ada@example.com",
        "owner": "bob@example.com",
        "version": 4,
    }


def test_an_empty_cell_is_an_absent_value() -> None:
    (row,) = read_csv("title,priority,tags,due_at,fields.bed,assignee\nSeeds,, ,,,\n")
    assert sent(row) == {"title": "Seeds"}


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_text() -> None:
    (row,) = read_csv(b"\xef\xbb\xbftitle,tags\r\nG\xc3\xa4rten,x\r\n")
    assert sent(row) == {"title": "Gärten", "tags": ["x"]}
    (row,) = read_json(b'\xef\xbb\xbf{"title": "Seeds"}\r\n')
    assert sent(row) == {"title": "Seeds"}


def test_a_row_of_several_lines_is_named_by_its_first() -> None:
    rows = read_csv('title,description\nA,"one\ntwo\nthree"\n\n,"x\ny"\nB,\n')
    assert [row.line for row in rows] == [2, 6, 8]
    assert rows[1] == BadRow(6, ("title: Field required",))


@pytest.mark.parametrize(
    ("field", "written"),
    [
        *(("due_at", written) for written in ("45322", "20240131", "0.5", "2030", "1e3", "2026-01-31", "31.01.2026")),
        *(("id", written) for written in (f"{{{ID}}}", f"urn:uuid:{ID}", ID.replace("-", ""))),
        *(("priority", written) for written in ("3.0", "yes", "1_0", "1e0", "٣")),
        *(("title", written) for written in ("\u200b", "a\u202eb", "a\x1bb")),
    ],
)
def test_a_file_says_what_the_doors_accept(field: str, written: str) -> None:
    values = {"title": "A", field: written}
    (row,) = read_csv("\t".join(values) + "\n" + "\t".join(values.values()) + "\n")
    assert isinstance(row, BadRow)
    assert [problem.partition(":")[0] for problem in row.problems] == [field]
    assert read_json(json.dumps(values)) == [BadRow(1, row.problems)]


@pytest.mark.parametrize("number", ["45322", "20240131", "0.5", "2030", "1e3", "true"])
def test_a_number_is_no_time(number: str) -> None:
    assert read_json(f'{{"title": "A", "due_at": {number}}}') == [
        BadRow(1, ("due_at: It must be an ISO 8601 date and time with a zone, such as 2026-01-31T08:30:00Z",)),
    ]


def test_blank_rows_of_a_spreadsheet_are_none() -> None:
    rows = read_csv('title,tags\nA,\n,\n , \n\n,,,\n"",""\n"\n",\nB,\n')
    assert [(row.line, sent(row)) for row in rows] == [(2, {"title": "A"}), (10, {"title": "B"})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_found_in_the_header(delimiter: str) -> None:
    text = 'title|"fields.a,b;c"|tags\nA|x|"a;b,c"\n"B|,;"||\n'.replace("|", delimiter)
    rows = read_csv(text)
    assert sent(rows[0]) == {"title": "A", "fields": {"a,b;c": "x"}, "tags": ["a", "b", "c"]}
    assert sent(rows[1]) == {"title": "B|,;".replace("|", delimiter)}


@pytest.mark.parametrize("first", ["sep=;\r\n", "SEP=;\n", "\ufeffsep=;\n"])
def test_the_separator_that_excel_names_is_taken(first: str) -> None:
    (row,) = read_csv(f"{first}title;tags\nA,B;x\n")
    assert (row.line, sent(row)) == (3, {"title": "A,B", "tags": ["x"]})


def test_one_column_has_no_separator() -> None:
    assert [sent(row)["title"] for row in read_csv("title\nA\nB;C\n")] == ["A", "B;C"]


def test_columns_of_one_name_go_to_one_list() -> None:
    mapping = {"Label": "tags", "Watcher": "fields.watchers"}
    rows = read_csv(
        "title,Label,tags,Label,Watcher,Watcher,fields.x\nA,a,b;c,a,ada,bob,1\nB,,,d,,bob,\nC,,,,,,\n",
        mapping=mapping,
    )
    assert [sent(row) for row in rows] == [
        {"title": "A", "tags": ["a", "b", "c"], "fields": {"watchers": ["ada", "bob"], "x": "1"}},
        {"title": "B", "tags": ["d"], "fields": {"watchers": ["bob"]}},
        {"title": "C"},
    ]
    with pytest.raises(AppError, match="More than one column goes to: 'priority', 'title'"):
        read_csv("title,priority,title,priority,tags,tags\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("A,high", "priority: It must be a number"),
        ("A,9", "priority: Input should be less than or equal to 4"),
        ("A,1,2", "It has 3 cells, and the header has 2"),
        ("A", "It has 1 cells, and the header has 2"),
        ('"A"b,1', "It is not valid CSV: ',' expected after '\"'"),
        (LONG.decode(), f"The line is longer than {MAX_LINE_BYTES} bytes"),
    ],
)
def test_a_bad_csv_row_is_told_and_the_next_one_read(line: str, problem: str) -> None:
    rows = read_csv(f"title,priority\n{line}\nGood,1\n")
    assert rows[0] == BadRow(2, (problem,))
    assert sent(rows[1]) == {"title": "Good", "priority": 1}


def test_a_quote_that_never_ends_is_a_bad_row() -> None:
    assert read_csv('title\n"Seeds\n') == [BadRow(2, ("It is not valid CSV: unexpected end of data",))]


@pytest.mark.parametrize("cell", ["{", "NaN", "[" * 100_000])
def test_a_fields_column_must_be_json(cell: str) -> None:
    assert read_csv(f"title,fields\nA,{cell}\n") == [BadRow(2, ("fields: It is not valid JSON",))]


def test_a_fields_column_must_be_an_object_even_beside_named_fields() -> None:
    assert read_csv("title,fields,fields.x\nA,[],1\n") == [
        BadRow(2, ("fields: Input should be a valid dictionary",)),
    ]


def test_columns_can_be_sent_to_fields() -> None:
    mapping = {"Name": "title", "Labels": "tags", "Area = m²": "fields.area"}
    (row,) = read_csv("Name,Labels,Area = m²\nSeeds,a;b,4\n", mapping=mapping)
    assert sent(row) == {"title": "Seeds", "tags": ["a", "b"], "fields": {"area": "4"}}


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        ("title,Foo,\nA,1,2\n", {}, "Unknown columns: 'Foo', ''; say where"),
        ("title,workspace_id\nA,1\n", {}, "Unknown columns: 'workspace_id'; say where"),
        ("title\nA\n", {"mapping": {"Name": "title"}}, "--map names columns that the file does not have: 'Name'."),
        ("Name\nA\n", {"mapping": {"Name": "titel"}}, "--map names unknown fields: 'titel'; there are assignee,"),
        ("title,Name\nA,B\n", {"mapping": {"Name": "title"}}, "More than one column goes to: 'title'."),
        ("", {}, "The file is empty"),
        ('"title\n', {}, "The first line must be the names of the columns"),
        (b"title\nG\xe4rten\n", {}, "The file is not UTF-8 text (line 2)"),
        ("title\nA\n".encode("utf-16"), {}, "The file is not UTF-8 text (line 1)"),
    ],
)
def test_a_csv_file_that_cannot_be_read_at_all_is_one_sentence(
    data: str | bytes, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(AppError) as caught:
        read_csv(data, **options)
    assert caught.value.message.startswith(sentence)


def test_unknown_columns_and_keys_can_be_left_out() -> None:
    (row,) = read_csv("title,Foo,workspace_id\nA,1,2\n", ignore_unknown=True)
    assert sent(row) == {"title": "A"}
    (row,) = read_json('{"title": "A", "foo": 1, "workspace_id": "x"}', ignore_unknown=True)
    assert sent(row) == {"title": "A"}


@pytest.mark.parametrize(
    ("line", "problems"),
    [
        ("{", ("It is not valid JSON: Expecting property name enclosed in double quotes at character 2",)),
        ("NaN", ("It is not valid JSON",)),
        ("1" * 5000, ("It is not valid JSON",)),
        ("[" * 100_000, ("It is not valid JSON",)),
        ("[]", ("It must be a JSON object",)),
        (LONG.decode(), (f"The line is longer than {MAX_LINE_BYTES} bytes",)),
        ('{"type": "user"}', ("type: It must be item or message",)),
        ('{"type": []}', ("type: It must be item or message",)),
        ('{"title": "A", "nope": 1}', ("nope: Extra inputs are not permitted",)),
        (
            '{"title": "A", "workspace_id": "x"}',
            ("workspace_id: The workspace is chosen for the whole import, not by line",),
        ),
        (
            '{"title": " ", "tags": ["a", ""], "version": 0}',
            (
                "title: It must have at least 1 character",
                "tags.1: It must have at least 1 character",
                "version: Input should be greater than or equal to 1",
            ),
        ),
        ('{"title": "A", "version": 2147483648}', ("version: Input should be less than or equal to 2147483647",)),
        ('{"title": "A", "version": true}', ("version: Input should be a valid integer",)),
        ('{"type": "message", "body": ""}', ("body: It must have at least 1 character",)),
    ],
)
def test_a_bad_json_line_is_told_and_the_next_one_read(line: str, problems: tuple[str, ...]) -> None:
    rows = read_json(f'\n{line}\n{{"title": "Good"}}')
    assert rows[0] == BadRow(2, problems)
    assert sent(rows[1]) == {"title": "Good"}


def test_a_column_mapping_is_refused_for_json_lines() -> None:
    with pytest.raises(AppError, match="--map is for the columns of CSV files"):
        read_json("{}", mapping={"a": "title"})


def test_a_source_can_be_read_again_from_its_beginning() -> None:
    source = Source(io.BytesIO(b"title\nA\nB\n"), FileFormat.CSV)
    first, second = list(source.rows()), list(source.rows())
    assert first == second
    assert [row.record.title for row in first if isinstance(row, Row) and isinstance(row.record, ItemRecord)] == [
        "A",
        "B",
    ]
    assert source.position == len(b"title\nA\nB\n")


def test_the_suffix_tells_the_format() -> None:
    assert [format_of(name) for name in ("a.csv", "b.JSONL", "c.d.ndjson")] == ["csv", "jsonl", "jsonl"]
    with pytest.raises(AppError, match=r"The name a\.txt does not tell the format"):
        format_of("a.txt")


@pytest.mark.parametrize("blank", ["\n\n", ";;;\n", "\r\n \t\r\n", '"";""\n', "\ufeff\n", "sep=;\n\n;;\n"])
def test_blank_rows_before_the_header_are_none(blank: str) -> None:
    (row,) = read_csv(f"{blank}title;tags\nA;x\n")
    assert sent(row) == {"title": "A", "tags": ["x"]}
    assert row.line == blank.count("\n") + 2
