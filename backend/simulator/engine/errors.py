"""PURE: the exception that refuses one client event, with the provider's error codes."""


class ClientEventError(Exception):
    """A client event is refused: becomes an `error` event, and the session continues.

    `code` is one of the provider's error codes (protocol §5); `param` is the path of the parameter
    that was wrong, if it was one.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.param = param


def missing_parameter(param: str) -> ClientEventError:
    """A required parameter is absent."""
    return ClientEventError(
        "missing_required_parameter", f"Missing required parameter: '{param}'.", param
    )


def unknown_parameter(param: str) -> ClientEventError:
    """The GA protocol has no parameter of this name."""
    return ClientEventError("unknown_parameter", f"Unknown parameter: '{param}'.", param)


def invalid_type(param: str, expected: str, given: str) -> ClientEventError:
    """The parameter has the wrong JSON type."""
    return ClientEventError(
        "invalid_type",
        f"Invalid type for '{param}': expected {expected}, but got {given} instead.",
        param,
    )


def invalid_value(param: str, expected: str) -> ClientEventError:
    """The parameter has the right JSON type and a value that is not allowed."""
    return ClientEventError(
        "invalid_value", f"Invalid value for '{param}': expected {expected}.", param
    )
