"""HTTP messages: the head of a request, forms, and responses."""

import pytest

from backend.simulator.server.http_messages import FormFile, parse_form, parse_head, plain_path

TYPE = "multipart/form-data; boundary=edge"


def test_a_head_is_read_without_its_query() -> None:
    request = parse_head(b"POST /v1/responses/?a=b HTTP/1.1\r\nHost: x\r\nX-Kind:  a: b ")
    assert (request.method, request.path) == ("POST", "/v1/responses")
    assert request.headers == {"host": "x", "x-kind": "a: b"}


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/openai/v1/realtime", "/v1/realtime"),
        ("/v1/realtime", "/v1/realtime"),
        ("/openai/realtime", "/openai/realtime"),
        ("/openai/v1", "/openai/v1"),
        ("/openai/openai/v1/realtime", "/openai/openai/v1/realtime"),
        ("/simulator/calls", "/simulator/calls"),
    ],
)
def test_the_api_is_also_where_azure_has_it(path: str, plain: str) -> None:
    assert plain_path(path) == plain
    assert parse_head(f"GET {path}/?model=x HTTP/1.1".encode()).path == plain


def test_a_form_has_texts_and_files_with_any_bytes() -> None:
    content = bytes(range(256)) + b"\r\n--edg\r\n"
    form = parse_form(
        TYPE,
        b'--edge\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-\r\nx\r\n'
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a b.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n" + content + b"\r\n--edge--\r\n",
    )
    assert form.texts == {"model": "gpt-\r\nx"}
    assert form.files == {"file": FormFile("a b.wav", "audio/wav", content)}


def test_a_form_may_be_empty() -> None:
    assert parse_form(TYPE, b"--edge--\r\n").texts == {}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b""),
        ("application/json", b"{}"),
        ("multipart/form-data", b"--edge--"),
        ("multipart/mixed; boundary=edge", b"--edge--"),
        (TYPE, b""),
        (TYPE, b"--edge"),
        (TYPE, b"text\r\n--edge--"),
        (TYPE, b'--edge\r\nContent-Disposition: form-data; name="a"\r\n--edge--'),
        (TYPE, b"--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n--edge--"),
        (TYPE, b"--edge\r\n\r\nx\r\n--edge--"),
        (TYPE, b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'),
    ],
)
def test_a_body_that_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"form|boundary"):
        parse_form(content_type, body)
