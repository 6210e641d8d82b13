"""The command line: Typer's commands, their options and their help in one language."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer import rich_utils

from backend.cli.call_options import CallOptions
from backend.cli.calling import failure_text
from backend.cli.failures import ExitCode, Failure
from backend.cli.listen import listen
from backend.cli.login import log_in
from backend.cli.logout import log_out
from backend.cli.say import say
from backend.cli.talk import talk
from backend.cli.wording import Language, sentence

SERVER = "http://127.0.0.1:8000"
"""Where `make run` serves."""


class Audio(StrEnum):
    """`audio_devices.AudioSystem`, as Typer wants its choices."""

    AUTO = "auto"
    SOUNDDEVICE = "sounddevice"
    SOX = "sox"
    NONE = "none"


class Lang(StrEnum):
    """The languages, as Typer wants its choices."""

    JA = "ja"
    EN = "en"


def build_app(language: Language) -> typer.Typer:
    """The commands with their help in this language."""

    def words(name: str) -> str:
        return sentence(name, language)

    server_option = typer.Option("--server", envvar="KAIWA_SERVER", help=words("help_server"))
    file_in = typer.Option("--input", dir_okay=False, help=words("help_input"))
    file_out = typer.Option("--output", dir_okay=False, help=words("help_output"))
    timeout = typer.Option("--timeout", min=1.0, help=words("help_timeout"))
    Server = Annotated[str, server_option]
    Session = Annotated[str, typer.Option("--session", metavar="ID", help=words("help_session"))]
    New = Annotated[bool, typer.Option("--new", help=words("help_new"))]
    Voice = Annotated[str, typer.Option("--voice", help=words("help_voice"))]
    Direct = Annotated[bool, typer.Option("--direct", help=words("help_direct"))]
    ProviderUrl = Annotated[str, typer.Option("--provider-url", help=words("help_provider_url"))]
    Model = Annotated[str, typer.Option("--model", help=words("help_model"))]
    Input = Annotated[Path | None, file_in]
    Output = Annotated[Path | None, file_out]
    Devices = Annotated[Audio, typer.Option("--audio", help=words("help_audio"))]
    Expected = Annotated[str, typer.Option("--expect", metavar="TEXT", help=words("help_expect"))]
    Json = Annotated[bool, typer.Option("--json", help=words("help_json"))]
    Timeout = Annotated[float, timeout]
    Username = Annotated[str, typer.Option("--username", help=words("help_username"))]

    default_lang = Lang(language)
    # Typer takes the headings of its help from these, and knows no Japanese.
    rich_utils.ARGUMENTS_PANEL_TITLE = words("help_arguments")
    rich_utils.OPTIONS_PANEL_TITLE = words("help_options")
    rich_utils.COMMANDS_PANEL_TITLE = words("help_commands")
    rich_utils.ERRORS_PANEL_TITLE = words("help_error")
    app = typer.Typer(
        help=words("help"),
        no_args_is_help=True,
        add_completion=False,
        # A traceback with local variables would show tokens.
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def options(
        lang: Annotated[
            Lang, typer.Option("--lang", show_default=False, help=words("help_lang"))
        ] = default_lang,
    ) -> None:
        # `__main__` has read it already: the help itself depends on it.
        pass

    @app.command("talk", help=words("help_talk"))
    def talk_command(
        server: Server = SERVER,
        session: Session = "",
        new: New = False,
        voice: Voice = "",
        direct: Direct = False,
        provider_url: ProviderUrl = "",
        model: Model = "",
        input: Input = None,
        output: Output = None,
        audio: Devices = Audio.AUTO,
        expect: Expected = "",
        json: Json = False,
        timeout: Timeout = 60.0,
    ) -> None:
        _exit(
            talk(
                CallOptions(
                    language=language, server=server, session=session, is_new=new,
                    resumes_last=True, voice=voice, is_direct=direct, provider_url=provider_url,
                    model=model, audio=audio.value, input_path=input, output_path=output,
                    expected=expect, is_json=json, timeout_s=timeout,
                )
            )
        )  # fmt: skip

    @app.command("say", help=words("help_say"))
    def say_command(
        text: Annotated[str, typer.Argument(metavar="TEXT", help=words("help_text"))],
        server: Server = SERVER,
        session: Session = "",
        voice: Voice = "",
        direct: Direct = False,
        provider_url: ProviderUrl = "",
        model: Model = "",
        speak: Annotated[bool, typer.Option("--speak", help=words("help_speak"))] = False,
        output: Output = None,
        audio: Devices = Audio.AUTO,
        expect: Expected = "",
        json: Json = False,
        timeout: Timeout = 60.0,
    ) -> None:
        _exit(
            say(
                CallOptions(
                    language=language, server=server, session=session, voice=voice,
                    is_direct=direct, provider_url=provider_url, model=model, audio=audio.value,
                    output_path=output, expected=expect, is_json=json, timeout_s=timeout,
                ),
                text,
                is_spoken=speak,
            )
        )  # fmt: skip

    @app.command("listen", help=words("help_listen"))
    def listen_command(
        server: Server = SERVER,
        session: Session = "",
        voice: Voice = "",
        direct: Direct = False,
        provider_url: ProviderUrl = "",
        model: Model = "",
        input: Input = None,
        audio: Devices = Audio.AUTO,
        expect: Expected = "",
        json: Json = False,
        timeout: Timeout = 60.0,
    ) -> None:
        _exit(
            listen(
                CallOptions(
                    language=language, server=server, session=session, voice=voice,
                    is_direct=direct, provider_url=provider_url, model=model, audio=audio.value,
                    input_path=input, expected=expect, is_json=json, timeout_s=timeout,
                )
            )
        )  # fmt: skip

    @app.command("login", help=words("help_login"))
    def login_command(server: Server = SERVER, username: Username = "") -> None:
        _run(lambda: log_in(server, username, language, say=_to_stderr), language)

    @app.command("logout", help=words("help_logout"))
    def logout_command(
        server: Server = SERVER,
        local: Annotated[bool, typer.Option("--local", help=words("help_local"))] = False,
    ) -> None:
        _run(lambda: log_out(server, language, is_local=local, say=_to_stderr), language)

    return app


def _run(action: Callable[[], None], language: Language) -> None:
    """Run a command without a call; a failure is a sentence and an exit code."""
    try:
        action()
    except Failure as failure:
        _to_stderr(failure_text(failure, language))
        _exit(failure.exit_code)
    except (KeyboardInterrupt, EOFError):
        _exit(ExitCode.INTERRUPTED)


def _to_stderr(text: str) -> None:
    typer.echo(text, err=True)


def _exit(code: ExitCode) -> None:
    raise typer.Exit(int(code))
