"""The provider's "no" to one client event: a code, a sentence and the parameter that was wrong."""


class Refused(Exception):
    """Becomes an `error` event; the session goes on. `code` is the provider's own (protocol §5)."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.param = param


def missing(param: str) -> Refused:
    """A parameter that must be there is not."""
    return Refused("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def unknown(param: str) -> Refused:
    """A parameter that the GA protocol does not have."""
    return Refused("unknown_parameter", f"Unknown parameter: '{param}'.", param)


def wrong_type(param: str, wanted: str, given: str) -> Refused:
    """A parameter of another JSON type than it must have."""
    return Refused(
        "invalid_type",
        f"Invalid type for '{param}': expected {wanted}, but got {given} instead.",
        param,
    )


def invalid(param: str, wanted: str) -> Refused:
    """A parameter with a value that it cannot have."""
    return Refused("invalid_value", f"Invalid value for '{param}': expected {wanted}.", param)
