"""Every sentence of the terminal client, and its help, in Japanese and English. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = ("ja", "en")

_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


def language_of(arguments: Sequence[str], environ: Mapping[str, str]) -> Language:
    """The language of `--lang`, else of the locale, else English."""
    for index, argument in enumerate(arguments):
        name, is_given, value = argument.partition("=")
        if name == "--lang":
            value = value if is_given else "".join(arguments[index + 1 : index + 2])
            return "ja" if value.startswith("ja") else "en"
    for name in _LOCALE_VARIABLES:
        if locale := environ.get(name):
            return "ja" if locale.startswith("ja") else "en"
    return "en"


def sentence(name: str, language: Language, /, **values: object) -> str:
    """This sentence with its values. A name that is not here is that of a server's newer error."""
    sentences = SENTENCES.get(name) or SENTENCES["unknown_error"]
    return sentences[language].format(**{"name": name, **values})


SENTENCES: Mapping[str, Mapping[Language, str]] = {
    # What happens now
    "connecting": {"en": "Connecting…", "ja": "接続しています…"},
    "listening": {"en": "Listening", "ja": "どうぞお話しください"},
    "hearing_you": {"en": "Hearing you", "ja": "聞いています"},
    "thinking": {"en": "Thinking…", "ja": "考えています…"},
    "speaking": {"en": "Speaking", "ja": "話しています"},
    "reconnecting": {"en": "Reconnecting…", "ja": "再接続しています…"},
    # Around a conversation
    "you": {"en": "You", "ja": "あなた"},
    "assistant": {"en": "AI", "ja": "AI"},
    "not_transcribed": {"en": "(not transcribed)", "ja": "（文字にできませんでした）"},
    "heard_until": {"en": "(not heard: {rest})", "ja": "（聞こえなかった部分: {rest}）"},
    "tokens": {
        "en": "{tokens_in} tokens in, {tokens_out} out",
        "ja": "入力 {tokens_in} トークン、出力 {tokens_out} トークン",
    },
    "cost": {
        "en": "this conversation so far: ${usd}",
        "ja": "この会話の合計: ${usd}",
    },
    "cost_estimated": {
        "en": "this conversation so far: ${usd} (estimated)",
        "ja": "この会話の合計: ${usd}（概算）",
    },
    "session_new": {"en": "New conversation {session}.", "ja": "新しい会話です: {session}"},
    "session_resumed": {
        "en": "Conversation {session} goes on. --new begins another one.",
        "ja": "会話 {session} の続きです。--new で新しい会話を始められます。",
    },
    "how_to_end": {
        "en": "Speak, or type and press Enter. Ctrl-C ends.",
        "ja": "話すか、入力して Enter を押してください。Ctrl-C で終わります。",
    },
    "how_to_end_typed": {
        "en": "Type and press Enter. Ctrl-C ends.",
        "ja": "入力して Enter を押してください。Ctrl-C で終わります。",
    },
    "logged_in": {
        "en": "Logged in at {server} as {username}.",
        "ja": "{server} に {username} としてログインしました。",
    },
    "logged_out": {
        "en": "Logged out at {server}, on every device.",
        "ja": "{server} からログアウトしました（すべての端末）。",
    },
    "login_forgotten": {
        "en": "The login at {server} was removed from this machine.",
        "ja": "{server} のログインをこの端末から消しました。",
    },
    "ask_username": {"en": "Username", "ja": "ユーザー名"},
    "ask_password": {"en": "Password", "ja": "パスワード"},
    # Warnings
    "echo": {
        "en": "The microphone hears the loudspeaker, so the AI interrupts itself. Use headphones, "
        "or lower the volume.",
        "ja": "マイクがスピーカーの音を拾っているため、AI が自分の声で話を止めてしまいます。"
        "ヘッドホンを使うか、音量を下げてください。",
    },
    "no_sound": {
        "en": "There is no loudspeaker, so answers are only shown. --output FILE keeps the sound.",
        "ja": "スピーカーがないため、答えは文字だけです。--output ファイル名 で音を保存できます。",
    },
    "no_microphone": {
        "en": "There is no microphone, so please type. For sound: "
        "pip install -r requirements-cli.txt and apt-get install libportaudio2, or apt-get install "
        "sox; or --input FILE.",
        "ja": "マイクがないため、文字で入力してください。音声を使うには: "
        "pip install -r requirements-cli.txt と apt-get install libportaudio2、または "
        "apt-get install sox。--input ファイル名 も使えます。",
    },
    "server_url_insecure": {
        "en": "{server} is not encrypted: others on the network can read all that is sent.",
        "ja": "{server} は暗号化されていません。ログイン情報や会話を読まれるおそれがあります。",
    },
    "answer_failed": {
        "en": "The answer failed. Please try again.",
        "ja": "答えを作れませんでした。もう一度お試しください。",
    },
    "budget_warning": {
        "en": "80 % of your budget is used up.",
        "ja": "予算の 80 % を使いました。",
    },
    "budget_spent": {
        "en": "Your budget is used up: the call ends after this answer.",
        "ja": "予算を使い切りました。この答えのあとで通話が終わります。",
    },
    # What ends a command
    "not_expected": {
        "en": "The answer does not contain “{expected}”.",
        "ja": "答えに「{expected}」がありません。",
    },
    "package_missing": {
        "en": "The terminal client cannot start: {packages} not installed. "
        "Install what it needs with: pip install -r requirements-cli.txt",
        "ja": "ターミナル版を起動できません: {packages} がありません。"
        "次のコマンドで入れてください: pip install -r requirements-cli.txt",
    },
    "no_input": {
        "en": "There is nothing to say: no microphone, no --input FILE, and nothing to read. "
        "For a microphone: pip install -r requirements-cli.txt and apt-get install libportaudio2, "
        "or apt-get install sox.",
        "ja": "話す手段がありません（マイク、--input ファイル名、標準入力のどれもありません）。"
        "マイクを使うには: pip install -r requirements-cli.txt と apt-get install libportaudio2、"
        "または apt-get install sox。",
    },
    "sounddevice_missing": {
        "en": "sounddevice is not installed. Install it with: pip install -r requirements-cli.txt",
        "ja": "sounddevice がありません。"
        "次のコマンドで入れてください: pip install -r requirements-cli.txt",
    },
    "portaudio_missing": {
        "en": "PortAudio, which sounddevice needs, is not installed. "
        "Install it with: apt-get install libportaudio2",
        "ja": "sounddevice に必要な PortAudio がありません。"
        "次のコマンドで入れてください: apt-get install libportaudio2",
    },
    "sox_missing": {
        "en": "SoX ({program}) is not installed. Install it with: apt-get install sox",
        "ja": "SoX（{program}）がありません。次のコマンドで入れてください: apt-get install sox",
    },
    "device_missing": {
        "en": "This machine has no such sound device. Use --input and --output FILE instead.",
        "ja": "この端末に音声機器がありません。--input と --output ファイル名 を使ってください。",
    },
    "device_failed": {
        "en": "The sound device does not open: {reason}",
        "ja": "音声機器を開けません: {reason}",
    },
    "wav_unreadable": {
        "en": "{path} cannot be read as a WAV file: {reason}. "
        "Other formats: ffmpeg -i FILE question.wav",
        "ja": "{path} を WAV として読めません: {reason}。"
        "ほかの形式は変換してください: ffmpeg -i ファイル名 question.wav",
    },
    "wav_empty": {"en": "{path} holds no sound.", "ja": "{path} に音がありません。"},
    "wav_unwritable": {
        "en": "{path} cannot be written: {reason}.",
        "ja": "{path} に書き込めません: {reason}。",
    },
    "server_url_wrong": {
        "en": "{url} is no server address. Write it as https://kaiwa.example.org",
        "ja": "{url} はサーバーのアドレスではありません。"
        "https://kaiwa.example.org のように書いてください。",
    },
    "provider_url_insecure": {
        "en": "--provider-url must begin with wss://: the key would be readable on the way.",
        "ja": "--provider-url は wss:// で始めてください。鍵を途中で読まれるおそれがあります。",
    },
    "server_unreachable": {
        "en": "{server} cannot be reached: {reason}",
        "ja": "{server} につながりません: {reason}",
    },
    "call_unreachable": {
        "en": "The call cannot be opened: {reason}",
        "ja": "通話を始められません: {reason}",
    },
    "handshake_refused": {
        "en": "The connection was refused (HTTP {status}).",
        "ja": "接続を断られました（HTTP {status}）。",
    },
    "connection_lost": {
        "en": "The connection was lost.",
        "ja": "接続が切れました。",
    },
    "answer_unreadable": {
        "en": "The server's answer has no “{field}”. Is this the right address?",
        "ja": "サーバーの応答に「{field}」がありません。アドレスを確かめてください。",
    },
    "not_logged_in": {
        "en": "Please log in first: .venv/bin/python -m backend.cli login",
        "ja": "先にログインしてください: .venv/bin/python -m backend.cli login",
    },
    "forbidden": {"en": "You may not do this.", "ja": "この操作は許可されていません。"},
    "not_found": {"en": "There is nothing here.", "ja": "見つかりません。"},
    "refused": {
        "en": "The server refused (HTTP {status}).",
        "ja": "サーバーに断られました（HTTP {status}）。",
    },
    "session_unknown": {
        "en": "Conversation {session} does not exist, is closed, or is not yours.",
        "ja": "会話 {session} がないか、閉じられているか、ほかの人のものです。",
    },
    "session_id_malformed": {
        "en": "{session} is no id of a conversation.",
        "ja": "{session} は会話の ID ではありません。",
    },
    "direct_has_no_session": {
        "en": "--session and --new need our server: the provider keeps no conversations. "
        "Leave out --direct.",
        "ja": "--session と --new は --direct と一緒に使えません。会話を保存するのはサーバーです。",
    },
    "key_missing": {
        "en": "--direct needs a key: set OPENAI_API_KEY, or log in at a server that gives keys.",
        "ja": "--direct には鍵が必要です。OPENAI_API_KEY を設定するか、"
        "鍵を発行するサーバーにログインしてください。",
    },
    "no_speech": {
        "en": "No speech was found in the recording.",
        "ja": "録音に話し声が見つかりませんでした。",
    },
    "no_answer": {"en": "No answer came.", "ja": "答えがありませんでした。"},
    "call_ended": {"en": "The call ended ({reason}).", "ja": "通話が終わりました（{reason}）。"},
    "text_empty": {"en": "There is nothing to say.", "ja": "メッセージが空です。"},
    "username_missing": {
        "en": "With the password in a pipe, give the username with --username.",
        "ja": "パスワードをパイプで渡すときは、--username でユーザー名を指定してください。",
    },
    "password_empty": {
        "en": 'There is no password. Type it, or pipe it in: printf %s "$PASSWORD" | … login',
        "ja": "パスワードがありません。入力するか、パイプで渡してください: "
        'printf %s "$PASSWORD" | … login',
    },
    "unknown_error": {"en": "An error occurred ({name}).", "ja": "エラーが起きました（{name}）。"},
    # Help
    "help": {
        "en": "Talk with the model from a terminal, through a Kaiwa server or straight to the "
        "provider. Exit codes: 0 fine; 1 --expect was not met; 2 wrong options; 3 a package or a "
        "device is missing; 4 refused; 5 unreachable; 6 no answer; 130 Ctrl-C.",
        "ja": "ターミナルから AI と話します。Kaiwa サーバー経由でも、直接プロバイダーにでも。"
        "終了コード: 0 成功、1 --expect の文字列がない、2 オプションの誤り、"
        "3 パッケージや機器がない、"
        "4 断られた、5 つながらない、6 答えがない、130 Ctrl-C。",
    },
    "help_arguments": {"en": "Arguments", "ja": "引数"},
    "help_options": {"en": "Options", "ja": "オプション"},
    "help_commands": {"en": "Commands", "ja": "コマンド"},
    "help_error": {"en": "Error", "ja": "エラー"},
    "help_talk": {
        "en": "Talk, with microphone and speaker, WAV files, or typed lines. Ctrl-C ends.",
        "ja": "マイクとスピーカー、WAV ファイル、または文字入力で会話します。Ctrl-C で終わります。",
    },
    "help_say": {
        "en": "Send one typed message, print the answer, and end.",
        "ja": "文字のメッセージを一つ送り、答えを表示して終わります。",
    },
    "help_listen": {
        "en": "Hear one spoken question, print its words and the answer, and end.",
        "ja": "質問を一つ聞き取り、その言葉と答えを表示して終わります。",
    },
    "help_login": {
        "en": "Log in at a server. The password is asked for, or read from a pipe.",
        "ja": "サーバーにログインします。パスワードは入力するか、パイプで渡します。",
    },
    "help_logout": {
        "en": "Log out, on every device, as the page does.",
        "ja": "すべての端末からログアウトします（ページと同じです）。",
    },
    "help_lang": {
        "en": "Language of this program and of new conversations: ja or en. Default: the locale's.",
        "ja": "このプログラムと新しい会話の言語: ja か en。初期値はロケールの言語です。",
    },
    "help_server": {"en": "The server's address.", "ja": "サーバーのアドレス。"},
    "help_session": {"en": "Go on with this conversation.", "ja": "この会話を続けます。"},
    "help_new": {
        "en": "Begin a new conversation, where `talk` would go on with the last one.",
        "ja": "前回の続きではなく、新しい会話を始めます。",
    },
    "help_voice": {"en": "The voice of a new conversation.", "ja": "新しい会話の声。"},
    "help_direct": {
        "en": "Straight to the provider, with OPENAI_API_KEY or with a key from the server.",
        "ja": "プロバイダーへ直接つなぎます。OPENAI_API_KEY か、サーバーが発行する鍵を使います。",
    },
    "help_provider_url": {
        "en": "The provider's Realtime address, for --direct.",
        "ja": "--direct で使う Realtime API のアドレス。",
    },
    "help_model": {"en": "The model, for --direct.", "ja": "--direct で使うモデル。"},
    "help_input": {
        "en": "A WAV file in place of the microphone; any rate, mono or stereo.",
        "ja": "マイクの代わりの WAV ファイル。サンプルレートやチャンネル数は問いません。",
    },
    "help_output": {
        "en": "A WAV file in place of the loudspeaker.",
        "ja": "スピーカーの代わりに書き込む WAV ファイル。",
    },
    "help_audio": {
        "en": "auto, sounddevice, sox, or none: typed text only.",
        "ja": "auto、sounddevice、sox、または none（文字だけ）。",
    },
    "help_speak": {"en": "Have the answer spoken, and play it.", "ja": "答えを声で再生します。"},
    "help_expect": {
        "en": "End with exit code 1 unless the answer contains this text.",
        "ja": "答えにこの文字列がなければ、終了コード 1 で終わります。",
    },
    "help_json": {
        "en": "Print one JSON object a line.",
        "ja": "1 行に一つの JSON を出力します。",
    },
    "help_timeout": {
        "en": "Seconds to wait for an answer.",
        "ja": "答えを待つ秒数。",
    },
    "help_text": {"en": "The message.", "ja": "メッセージ。"},
    "help_username": {"en": "The username; asked for by default.", "ja": "ユーザー名。"},
    "help_local": {
        "en": "Only remove the login from this machine; other devices stay logged in.",
        "ja": "この端末のログインだけを消します。ほかの端末はそのままです。",
    },
}
