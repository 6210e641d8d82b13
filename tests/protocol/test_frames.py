"""The strict parser on malformed client frames, the lenient one on odd provider frames."""

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.audio import ms_of_base64
from backend.protocol.errors import BAD_FRAME_CODES, BadFrame, ClientError, UpstreamFailed
from backend.protocol.frames import (
    MAX_DEPTH,
    MAX_INTEGER_DIGITS,
    id_of_item,
    parse_from_client,
    peek_from_upstream,
)

LIMIT = 10_000


def _code(text: str | bytes, max_bytes: int = LIMIT) -> str:
    with pytest.raises(BadFrame) as caught:
        parse_from_client(text, max_bytes)
    assert caught.value.code in BAD_FRAME_CODES
    return caught.value.code


def _nested(depth: int, inner: str = "1") -> str:
    """A frame with this many levels of brackets, the object itself included."""
    return f'{{"type":"t","x":{"[" * (depth - 1)}{inner}{"]" * (depth - 1)}}}'


def test_a_valid_frame_keeps_its_text_and_gives_its_type_and_event() -> None:
    text = ' {"type": "response.cancel", "event_id": "e1", "n": [1, 2.5, -0, true, null]}\n'
    frame = parse_from_client(text, LIMIT)
    assert frame.text == text
    assert frame.type == "response.cancel"
    assert frame.event == json.loads(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"type":"t"}', "frame_binary"),
        (b"", "frame_binary"),
        ("", "frame_not_json"),
        ("   ", "frame_not_json"),
        ("{", "frame_not_json"),
        ('{"type":"t"', "frame_not_json"),
        ('{"type":"t"}{"type":"t"}', "frame_not_json"),
        ('{"type":"t",}', "frame_not_json"),
        ("{'type':'t'}", "frame_not_json"),
        ('{"type":"t"} // why', "frame_not_json"),
        ('{"type":"a\tb"}', "frame_not_json"),
        ('{"type":"a\x00b"}', "frame_not_json"),
        ('{"type":"t","n":01}', "frame_not_json"),
        ('{"type":"t","n":0x1}', "frame_not_json"),
        ('\ufeff{"type":"t"}', "frame_not_json"),
        ('{"type":"\ud800"}', "frame_not_json"),
        (r'{"type":"t","x":"\ud800"}', "frame_not_json"),
        (r'{"type":"t","x":"\uDBFF!"}', "frame_not_json"),
        (r'{"type":"t","x":["\udc00\ud83d"]}', "frame_not_json"),
        (r'{"type":"t","\ud800":1}', "frame_not_json"),
        ("[]", "frame_not_object"),
        ('[{"type":"t"}]', "frame_not_object"),
        ('"type"', "frame_not_object"),
        ("1", "frame_not_object"),
        ("true", "frame_not_object"),
        ("null", "frame_not_object"),
        ('{"type":"a","type":"a"}', "frame_duplicate_key"),
        ('{"type":"t","x":{"a":1,"a":2}}', "frame_duplicate_key"),
        ('{"type":"t","x":[{"y":{"a":1,"b":2,"a":3}}]}', "frame_duplicate_key"),
        (r'{"type":"t","\u0074ype":"u"}', "frame_duplicate_key"),
        ('{"type":"t","n":NaN}', "frame_not_finite"),
        ('{"type":"t","n":Infinity}', "frame_not_finite"),
        ('{"type":"t","n":-Infinity}', "frame_not_finite"),
        ('{"type":"t","n":1e999}', "frame_not_finite"),
        ('{"type":"t","n":[-1.5e400]}', "frame_not_finite"),
        ("NaN", "frame_not_finite"),
        ("{}", "frame_without_type"),
        ('{"type":null}', "frame_without_type"),
        ('{"type":1}', "frame_without_type"),
        ('{"type":["t"]}', "frame_without_type"),
        ('{"type":""}', "frame_without_type"),
        ('{"Type":"t"}', "frame_without_type"),
    ],
)
def test_an_invalid_frame_has_the_code_of_its_fault(text: str | bytes, code: str) -> None:
    assert _code(text) == code


def test_the_limit_counts_bytes_and_not_characters() -> None:
    text = '{"type":"会話"}'
    size = len(text.encode())
    assert size > len(text)
    assert parse_from_client(text, size).type == "会話"
    assert _code(text, size - 1) == "frame_too_large"


def test_an_ascii_frame_can_be_as_large_as_the_limit() -> None:
    text = '{"type":"t"}'
    assert parse_from_client(text, len(text)).type == "t"
    assert _code(text, len(text) - 1) == "frame_too_large"


def test_the_size_is_checked_before_the_frame_is_parsed() -> None:
    assert _code("[" * (LIMIT + 1)) == "frame_too_large"


def test_nesting_is_allowed_to_its_limit_and_not_beyond() -> None:
    assert parse_from_client(_nested(MAX_DEPTH), LIMIT).type == "t"
    assert _code(_nested(MAX_DEPTH + 1)) == "frame_too_deep"


def test_nested_objects_count_as_nested_lists_do() -> None:
    inside = '{"a":' * (MAX_DEPTH - 1) + "1" + "}" * (MAX_DEPTH - 1)
    assert parse_from_client(f'{{"type":"t","x":{inside}}}', LIMIT).type == "t"
    assert _code(f'{{"type":"t","x":{{"b":{inside}}}}}') == "frame_too_deep"


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_a_bomb_of_brackets_is_stopped_before_the_parser(opening: str) -> None:
    assert _code(opening * 400_000, max_bytes=10_000_000) == "frame_too_deep"


def test_many_brackets_side_by_side_are_not_deep() -> None:
    text = f'{{"type":"t","x":[{",".join(["[]"] * 500)}]}}'
    assert parse_from_client(text, LIMIT).type == "t"


@pytest.mark.parametrize("words", ["[" * 200, '\\"' + "{" * 200, "\\\\"])
def test_brackets_inside_strings_are_not_nesting(words: str) -> None:
    text = f'{{"type":"t","x":"{words}","y":"{"[" * 50}"}}'
    assert parse_from_client(text, LIMIT).event["y"] == "[" * 50


def test_a_quote_that_is_escaped_does_not_hide_nesting() -> None:
    text = '{"type":"t","x":"\\\\","y":' + "[" * 60 + "]" * 60 + ',"z":"\\""}'
    assert _code(text) == "frame_too_deep"


def test_an_unclosed_string_costs_no_more_than_its_length() -> None:
    text = '{"type":"' + '\\"' * 20_000 + "[" * 100
    began = time.perf_counter()
    assert _code(text, max_bytes=1_000_000) in ("frame_too_deep", "frame_not_json")
    assert time.perf_counter() - began < 1


def test_an_integer_can_be_as_long_as_parsers_agree_on() -> None:
    largest = "9" * MAX_INTEGER_DIGITS
    assert parse_from_client(f'{{"type":"t","n":{largest}}}', LIMIT).event["n"] == int(largest)
    assert parse_from_client(f'{{"type":"t","n":-{largest}}}', LIMIT).event["n"] == -int(largest)
    assert _code(f'{{"type":"t","n":9{largest}}}') == "frame_not_finite"
    assert _code(f'{{"type":"t","n":{"9" * 9000}}}') == "frame_not_finite"


def test_an_escaped_surrogate_pair_is_accepted() -> None:
    frame = parse_from_client(r'{"type":"t","x":"\ud83d\ude00 \u3042"}', LIMIT)
    assert frame.event["x"] == "😀 あ"


def test_a_frame_without_type_is_named_by_its_event_id() -> None:
    with pytest.raises(BadFrame) as caught:
        parse_from_client(json.dumps({"event_id": "e" * 70}), LIMIT)
    assert caught.value.event_id == "e" * 64
    assert isinstance(caught.value, ClientError)
    with pytest.raises(BadFrame) as caught:
        parse_from_client('{"event_id":5}', LIMIT)
    assert caught.value.event_id is None


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**14), 10**14)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), _JSON, max_size=4), st.booleans())
def test_every_valid_event_is_parsed_as_json_loads_does(
    fields: dict[str, Any], is_ascii: bool
) -> None:
    try:
        text = json.dumps({**fields, "type": "t"}, ensure_ascii=is_ascii)
        text.encode()
    except UnicodeEncodeError:
        return
    if is_ascii and any("\ud800" <= char <= "\udfff" for key in fields for char in key):
        return
    assert parse_from_client(text, 1_000_000).event == json.loads(text)


@given(st.text() | st.binary())
def test_no_client_text_raises_anything_but_bad_frame(text: str | bytes) -> None:
    try:
        frame = parse_from_client(text, 50)
    except BadFrame as error:
        assert error.code in BAD_FRAME_CODES
    else:
        assert isinstance(frame.event, dict)


# From upstream


def _audio_delta(byte_count: int) -> dict[str, Any]:
    return {
        "type": "response.output_audio.delta",
        "event_id": "event_1",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 2,
        "delta": base64.b64encode(bytes(byte_count)).decode(),
    }


def test_the_fields_of_an_audio_delta_are_read() -> None:
    text = json.dumps(_audio_delta(960))
    frame = peek_from_upstream(text)
    assert (frame.text, frame.type, frame.event_id) == (
        text,
        "response.output_audio.delta",
        "event_1",
    )
    assert (frame.response_id, frame.item_id, frame.content_index) == ("resp_1", "item_1", 2)
    assert ms_of_base64(frame.delta) == 20


def test_an_event_is_parsed_once_and_on_first_access() -> None:
    frame = peek_from_upstream(json.dumps(_audio_delta(3)))
    assert frame._event is None
    assert frame.event == _audio_delta(3)
    assert frame.event is frame.event


def test_a_field_with_the_name_of_what_is_kept_beside_the_event_changes_nothing() -> None:
    text = '{"type": "x", "-text": "other", "-event": {"type": "y"}}'
    frame = peek_from_upstream(text)
    assert frame.text == text
    assert frame.event["type"] == "x"


def test_unknown_types_and_additional_fields_pass() -> None:
    frame = peek_from_upstream('{"type":"response.output_smell.delta","smell":{"rose":[1]}}')
    assert frame.type == "response.output_smell.delta"
    assert (frame.item_id, frame.response_id, frame.content_index, frame.delta) == (
        None,
        None,
        0,
        "",
    )
    assert frame.event["smell"] == {"rose": [1]}


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"t","item_id":5,"content_index":1.5,"delta":{},"event_id":[]}',
        '{"type":"t","item_id":null,"content_index":null,"delta":null,"response_id":null}',
        '{"type":"t","item_id":{},"content_index":"1","delta":7}',
        '{"type":"t","content_index":true}',
    ],
)
def test_a_field_of_another_type_counts_as_missing(text: str) -> None:
    frame = peek_from_upstream(text)
    assert (frame.type, frame.item_id, frame.content_index, frame.delta, frame.event_id) == (
        "t",
        None,
        0,
        "",
        None,
    )
    assert frame.event == json.loads(text)


def test_fields_of_the_right_type_are_kept_beside_one_of_another() -> None:
    frame = peek_from_upstream('{"type":"t","item_id":5,"response_id":"r","content_index":3}')
    assert (frame.response_id, frame.content_index) == ("r", 3)


@pytest.mark.parametrize("text", ["{}", '{"type":null}', '{"type":5}'])
def test_an_object_without_a_type_has_an_empty_type(text: str) -> None:
    assert peek_from_upstream(text).type == ""


def test_an_escaped_lone_surrogate_passes() -> None:
    frame = peek_from_upstream(r'{"type":"t","delta":"\ud83d"}')
    assert frame.type == "t"
    assert frame.event["delta"] == "\ud83d"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "[]",
        "null",
        '"type"',
        "5",
        "garbage",
        '{"type":"t"',
        '{"type":"t"} x',
        '\ufeff{"type":"t"}',
        '{"type":"t","n":NaN}',
        '{"type":"t","x":' + "[" * 200_000,
    ],
)
def test_anything_but_a_json_object_raises_upstream_failed(text: str) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        peek_from_upstream(text)
    assert caught.value.code == "provider_failed"


_SCALARS = st.sampled_from(
    ["0", "-0", "-0.0", "1.5", "1e5", "1E-400", "1e400", "-1e400", "01", "1.", "NaN", "null",
     "9007199254740993", "18446744073709551616", "9" * 400, "9" * 4301, "0.30000000000000004",
     '"a"', '"日本"', '"\x7f"', '"\x01"', '"\ud83d"', r'"\ud83d"', r'"\ud83d\ude00"',
     r'"\ude00\ud83d"', r'"\u0000"', r'"\/"', r'"\x"', '"open', "tru", "[1,]", " \t[ ]\n", "\xa0"]
)  # fmt: skip
_WRITTEN = st.recursive(
    _SCALARS | st.floats(allow_nan=False, allow_infinity=False).map(repr),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda values: f"[{','.join(values)}]")
        | st.lists(
            st.tuples(st.sampled_from(['"a"', '"b"', r'"\u0061"', "1"]), inner), max_size=3
        ).map(lambda fields: "{" + ",".join(f"{name}:{value}" for name, value in fields) + "}")
    ),
    max_leaves=4,
)
"""JSON as it could be written, with what parsers read differently, and what is not JSON."""


@given(_WRITTEN)
def test_an_event_is_what_the_standard_library_reads(written: str) -> None:
    text = f'{{"type":"t","x":{written}}}'
    try:
        # NaN is refused here, and not by the standard library.
        expected = None if "NaN" in written else json.loads(text)
    except ValueError:
        expected = None
    try:
        event = peek_from_upstream(text).event
    except UpstreamFailed:
        assert expected is None
    else:
        # `repr` also tells -0.0 from 0, and 1 from 1.0.
        assert repr(event) == repr(expected)


@given(st.text())
def test_no_provider_text_raises_anything_but_upstream_failed(text: str) -> None:
    try:
        peek_from_upstream(text)
    except UpstreamFailed as error:
        assert error.code == "provider_failed"


@pytest.mark.parametrize(
    ("text", "item_id"),
    [
        ('{"type":"t","item":{"id":"item_1","content":[{"text":"a"}]}}', "item_1"),
        (r'{"item":{"id":"item_\u00e9","text":"\ud83d"}}', "item_é"),
        ('{"item":{"id":5}}', None),
        ('{"item":{}}', None),
        ('{"item":[]}', None),
        ('{"type":"t"}', None),
        ('{"item":5,"item":{"id":"last"}}', "last"),
        ('{"item":{"id":"first"},"item":{"id":"last"}}', "last"),
    ],
)
def test_the_id_of_an_item_is_read_as_from_the_event(text: str, item_id: str | None) -> None:
    frame = peek_from_upstream(text)
    assert id_of_item(frame) == item_id
    item = frame.event.get("item")
    read = item.get("id") if isinstance(item, dict) else None
    assert item_id == (read if isinstance(read, str) else None)
