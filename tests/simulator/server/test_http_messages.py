"""HTTP messages: the head of a request, forms, and responses."""

import pytest

from backend.simulator.server.http_messages import FormFile, parse_form, parse_head

TYPE = "multipart/form-data; boundary=edge"


def test_a_head_is_read_without_its_query() -> None:
    request = parse_head(b"POST /v1/responses/?a=b HTTP/1.1\r\nHost: x\r\nX-Kind:  a: b ")
    assert (request.method, request.path) == ("POST", "/v1/responses")
    assert request.headers == {"host": "x", "x-kind": "a: b"}


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
