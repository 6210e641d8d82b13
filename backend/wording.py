"""The sentence for each error code and ending, in Japanese and English.

A sentence says what happened and what to do. Codes are stable, and programs compare them; sentences
may change at any time. A test checks that every code of the relay and the HTTP API is here.

`SUGGESTIONS` are the sentences that the page offers in the demo, where the simulator answers.
"""

from calendar import month_name
from datetime import datetime
from typing import Literal

Language = Literal["ja", "en"]

REPORTED: dict[Language, str] = {
    "en": "told by the browser, not verified",
    "ja": "ブラウザーからの報告（未確認）",
}
"""Stands beside a turn that only the browser saw (`Turn.is_reported`)."""

SENTENCES: dict[str, dict[Language, str]] = {
    # HTTP
    "invalid": {
        "en": "Some fields are not right. See the detail.",
        "ja": "入力に誤りがあります。詳細を確認してください。",
    },
    "malformed": {
        "en": "The request could not be read.",
        "ja": "リクエストを読み取れませんでした。",
    },
    "not_authenticated": {"en": "Please sign in.", "ja": "ログインしてください。"},
    "bad_credentials": {
        "en": "The username or the password is not right.",
        "ja": "ユーザー名またはパスワードが違います。",
    },
    "forbidden": {"en": "You may not do this.", "ja": "この操作は許可されていません。"},
    "not_found": {"en": "There is nothing here.", "ja": "見つかりませんでした。"},
    "method_not_allowed": {
        "en": "This address does not do that.",
        "ja": "この操作には対応していません。",
    },
    "unsupported_media_type": {"en": "Please send JSON.", "ja": "JSON で送信してください。"},
    "not_acceptable": {
        "en": "The answer exists only as JSON.",
        "ja": "応答は JSON でのみ返せます。",
    },
    "too_large": {"en": "The request is too large.", "ja": "リクエストが大きすぎます。"},
    "unknown_field": {"en": "There is no such field.", "ja": "この項目はありません。"},
    "nothing_to_export": {
        "en": "There is nothing in this conversation yet.",
        "ja": "この会話にはまだ内容がありません。",
    },
    "unknown_format": {
        "en": "There is no such format. Choose json, txt, csv or vtt.",
        "ja": "この形式はありません。json、txt、csv、vtt から選んでください。",
    },
    "username_taken": {
        "en": "This username is taken.",
        "ja": "このユーザー名は既に使われています。",
    },
    "throttled": {
        "en": "Too many tries. Please wait a moment.",
        "ja": "回数が多すぎます。少し待ってからお試しください。",
    },
    "too_many_sessions": {
        "en": "You have begun many conversations in a short time. Please wait a while.",
        "ja": "短い時間に多くの会話を作成したため、少し時間をおいてお試しください。",
    },
    "webrtc_off": {
        "en": "Calls over WebRTC are switched off on this server.",
        "ja": "このサーバーでは WebRTC での通話が無効になっています。",
    },
    "registration_closed": {
        "en": "Registration is closed. Ask the administrator for an account.",
        "ja": "新規登録は受け付けていません。管理者にお問い合わせください。",
    },
    "internal": {
        "en": "Something went wrong on our side. Please try again.",
        "ja": "サーバー側で問題が起きました。もう一度お試しください。",
    },
    "unavailable": {
        "en": "The server is busy right now. Please try again.",
        "ja": "サーバーが混み合っています。もう一度お試しください。",
    },
    # Dictation
    "audio_invalid": {
        "en": "This recording could not be read. Please record it again.",
        "ja": "録音を読み取れませんでした。もう一度録音してください。",
    },
    "audio_too_long": {
        "en": "A recording can be five minutes long. Please record it in parts.",
        "ja": "録音は5分までです。分けて録音してください。",
    },
    "no_speech": {
        "en": "No speech was found in the recording. Please speak closer to the microphone.",
        "ja": "録音に声が見つかりませんでした。マイクに近づいて、もう一度お話しください。",
    },
    "transcription_refused": {
        "en": "The transcription service refused the request. Please tell the administrator.",
        "ja": "文字起こしサービスに拒否されました。管理者にお知らせください。",
    },
    "transcription_model_unknown": {
        "en": "The transcription model does not exist. Please tell the administrator.",
        "ja": "文字起こしのモデルが見つかりません。管理者にお知らせください。",
    },
    "voice_sample_failed": {
        "en": "The voice service did not give a sample. Please try again later.",
        "ja": "音声サービスから見本が届きませんでした。しばらくしてからお試しください。",
    },
    "transcription_failed": {
        "en": "The transcription broke off. Please try again.",
        "ja": "文字起こしが途中で止まりました。もう一度お試しください。",
    },
    "transcription_unavailable": {
        "en": "The transcription service cannot be reached right now. Please try again.",
        "ja": "文字起こしサービスに接続できません。もう一度お試しください。",
    },
    "transcription_timeout": {
        "en": "The transcription did not come in time. Please try again.",
        "ja": "文字起こしに時間がかかりすぎています。もう一度お試しください。",
    },
    # Direct sessions
    "direct_off": {
        "en": "Direct sessions are off. To turn them on, set DIRECT_SESSIONS=on on the server.",
        "ja": "直接接続は無効です。"
        "有効にするには、サーバーで DIRECT_SESSIONS=on を設定してください。",
    },
    "direct_not_allowed": {
        "en": "You may not connect to the voice service directly. "
        "Ask the administrator for the permission.",
        "ja": "音声サービスへの直接接続は許可されていません。管理者に許可を依頼してください。",
    },
    "api_key_missing": {
        "en": "The server has no key of the voice service. Please tell the administrator.",
        "ja": "サーバーに音声サービスのキーがありません。管理者にお知らせください。",
    },
    "direct_key_refused": {
        "en": "The voice service refused to give a key. Please tell the administrator.",
        "ja": "音声サービスがキーの発行を拒否しました。管理者にお知らせください。",
    },
    "direct_key_failed": {
        "en": "The voice service did not give a key. Please try again.",
        "ja": "音声サービスからキーを取得できませんでした。もう一度お試しください。",
    },
    "direct_key_unavailable": {
        "en": "The voice service cannot be reached right now. Please try again.",
        "ja": "音声サービスに接続できません。もう一度お試しください。",
    },
    "model_unknown": {
        "en": "There is no such model. See GET /api/config/.",
        "ja": "このモデルはありません。GET /api/config/ で確認してください。",
    },
    "provider_unknown": {
        "en": "There is no such provider here. See GET /api/config/.",
        "ja": "このプロバイダーは使えません。GET /api/config/ で確認してください。",
    },
    "voice_unknown": {
        "en": "There is no such voice. See GET /api/config/.",
        "ja": "この声はありません。GET /api/config/ で確認してください。",
    },
    # Text mode
    "reply_running": {
        "en": "An answer is still being written. Wait for it, or stop it.",
        "ja": "応答を作成中です。終わるまで待つか、停止してください。",
    },
    "call_live": {
        "en": "A call is open in this conversation. Send the message through the call, or end it.",
        "ja": "この会話では通話中です。通話の中で送信するか、通話を終了してください。",
    },
    "chat_model_unknown": {
        "en": "The text model does not exist. Please tell the administrator.",
        "ja": "テキストモデルが見つかりません。管理者にお知らせください。",
    },
    "chat_refused": {
        "en": "The text service refused the message. Please tell the administrator.",
        "ja": "テキストサービスに拒否されました。管理者にお知らせください。",
    },
    "chat_failed": {
        "en": "The answer broke off. Please send the message again.",
        "ja": "応答が途中で途切れました。もう一度送信してください。",
    },
    "chat_unavailable": {
        "en": "The text service cannot be reached right now. Please send the message again.",
        "ja": "テキストサービスに接続できません。もう一度送信してください。",
    },
    "chat_timeout": {
        "en": "The text service did not answer in time. Please send the message again.",
        "ja": "テキストサービスから応答がありません。もう一度送信してください。",
    },
    # Admission
    "ticket_missing": {
        "en": "The connection carried no ticket. Please reload the page.",
        "ja": "接続にチケットがありません。ページを再読み込みしてください。",
    },
    "ticket_invalid": {
        "en": "The ticket is used up or too old. Please connect again.",
        "ja": "チケットは使用済みか期限切れです。もう一度接続してください。",
    },
    "token_invalid": {
        "en": "Your session has expired. Please sign in again.",
        "ja": "ログインの有効期限が切れました。もう一度ログインしてください。",
    },
    "token_in_url": {
        "en": "A token does not belong in a URL. Take a ticket from POST /api/realtime/tickets/.",
        "ja": "URL にトークンを入れず、POST /api/realtime/tickets/ でチケットを取得してください。",
    },
    "session_unknown": {
        "en": "This conversation does not exist, or is not yours.",
        "ja": "この会話は存在しないか、あなたのものではありません。",
    },
    "session_closed": {
        "en": "This conversation is closed. It can be read; start a new one to go on.",
        "ja": "この会話は終了しています。続けるには新しい会話を始めてください。",
    },
    "origin_foreign": {
        "en": "This page may not connect here. Ask the administrator to allow its origin.",
        "ja": "このページからは接続できません。管理者に許可を依頼してください。",
    },
    "subprotocol_missing": {
        "en": "The connection carried no subprotocol. "
        "A proxy on the way must pass on Sec-WebSocket-Protocol.",
        "ja": "接続にサブプロトコルがありません。"
        "途中のプロキシが Sec-WebSocket-Protocol を渡すように設定してください。",
    },
    "upgrade_missing": {
        "en": "Only WebSockets are served here. "
        "If this was one, a proxy on the way did not pass on its upgrade.",
        "ja": "このアドレスでは WebSocket だけを受け付けます。"
        "WebSocket で接続した場合は、途中のプロキシが Upgrade を渡していません。",
    },
    "calls_not_allowed": {
        "en": "You may not make calls here. Please ask the administrator.",
        "ja": "通話は許可されていません。管理者にお問い合わせください。",
    },
    "price_unknown": {
        "en": "What the model costs is unknown, so it cannot be used with a budget. "
        "Please tell the administrator.",
        "ja": "モデルの料金が不明なため、利用枠のもとでは使えません。管理者にお知らせください。",
    },
    # Frames
    "frame_binary": {
        "en": "Binary frames are not accepted; send JSON text.",
        "ja": "バイナリフレームは受け付けません。JSON テキストを送信してください。",
    },
    "frame_too_large": {"en": "The frame is too large.", "ja": "フレームが大きすぎます。"},
    "frame_too_deep": {
        "en": "The frame is nested too deeply.",
        "ja": "フレームの入れ子が深すぎます。",
    },
    "frame_not_json": {"en": "The frame is not JSON.", "ja": "フレームが JSON ではありません。"},
    "frame_not_object": {
        "en": "The frame is not a JSON object.",
        "ja": "フレームが JSON オブジェクトではありません。",
    },
    "frame_duplicate_key": {
        "en": "The frame has the same key twice.",
        "ja": "フレームに同じキーが二つあります。",
    },
    "frame_not_finite": {
        "en": "The frame has a number that is not finite.",
        "ja": "フレームに有限でない数値があります。",
    },
    "frame_without_type": {"en": "The frame has no type.", "ja": "フレームに type がありません。"},
    "event_not_allowed": {
        "en": "Clients may not send this event.",
        "ja": "このイベントは送信できません。",
    },
    "field_not_allowed": {
        "en": "Clients may not set this field.",
        "ja": "この項目は設定できません。",
    },
    "field_invalid": {
        "en": "This field has a wrong value.",
        "ja": "この項目の値が正しくありません。",
    },
    "too_early": {
        "en": "The call is not ready yet. Please wait a moment.",
        "ja": "通話の準備ができていません。少しお待ちください。",
    },
    # Endings
    "client_left": {"en": "You left.", "ja": "退出しました。"},
    "completed": {"en": "The call is over.", "ja": "通話を終了しました。"},
    "draining": {
        "en": "The server is restarting. You will be connected again in a moment.",
        "ja": "サーバーを再起動しています。まもなく再接続します。",
    },
    "bad_frames": {
        "en": "Too many frames could not be read.",
        "ja": "読み取れないフレームが続いたため終了しました。",
    },
    "unauthenticated": {"en": "Please sign in.", "ja": "ログインしてください。"},
    "revoked": {
        "en": "You signed out on another device.",
        "ja": "別の端末でログアウトされました。",
    },
    "too_slow": {
        "en": "Your connection is too slow for the sound.",
        "ja": "回線が遅く、音声を届けられませんでした。",
    },
    "unresponsive": {
        "en": "The page did not respond for a while, so the call ended.",
        "ja": "ページからの応答がしばらくなかったため、通話を終了しました。",
    },
    "idle": {
        "en": "The call ended because nothing was said for a while.",
        "ja": "しばらく発言がなかったため終了しました。",
    },
    "taken_over": {
        "en": "This conversation goes on in another tab or on another device.",
        "ja": "この会話は別のタブまたは端末で続いています。",
    },
    "time_limit": {"en": "The call reached its time limit.", "ja": "通話時間の上限に達しました。"},
    "rate_limit": {
        "en": "Too much was sent at once. Please wait a moment.",
        "ja": "送信量が多すぎます。少し待ってからお試しください。",
    },
    "too_many_calls": {
        "en": "You have too many calls at once. End another one, then connect again.",
        "ja": "同時通話数の上限に達しています。"
        "ほかの通話を終了してから、もう一度接続してください。",
    },
    "server_full": {
        "en": "The server has no room for another call right now. Please try again in a minute.",
        "ja": "通話が混み合っています。1分ほど待ってから、もう一度お試しください。",
    },
    "hourly_limit": {
        "en": "You have opened as many calls as you may in an hour. Please come back later.",
        "ja": "1時間に開始できる通話の上限に達しました。時間をおいてお試しください。",
    },
    # Of a budget that starts again at a known time: `BUDGET_RESTARTS`.
    "budget_spent": {
        "en": "Your budget is used up. Please ask the administrator.",
        "ja": "利用枠を使い切りました。管理者にお問い合わせください。",
    },
    "provider_failed": {
        "en": "The voice service broke off. Please connect again.",
        "ja": "音声サービスとの接続が切れました。もう一度接続してください。",
    },
    "provider_refused": {
        "en": "The voice service refused the call. Please tell the administrator.",
        "ja": "音声サービスに拒否されました。管理者にお知らせください。",
    },
    "provider_unavailable": {
        "en": "The voice service cannot be reached right now. Please try again.",
        "ja": "音声サービスに接続できません。もう一度お試しください。",
    },
    "provider_timeout": {
        "en": "The voice service did not answer in time. Please try again.",
        "ja": "音声サービスから応答がありません。もう一度お試しください。",
    },
    "interrupted": {"en": "The call was cut off.", "ja": "通話が途切れました。"},
}


BUDGET_RESTARTS: dict[Language, str] = {
    "en": "Your budget is used up. It starts again on {day} {month_name} at {time} ({zone}).",
    "ja": "利用枠を使い切りました。{month}月{day}日 {time}（{zone}）から再び利用できます。",
}
"""The sentence of `budget_spent` where the time is known at which the budget starts again."""


def sentence(code: str, language: Language, resets_at: datetime | None = None) -> str:
    """Return the sentence for a code. An unknown code gets that of `internal`.

    `resets_at` is when a budget that is used up starts again, in the zone in which it is shown.
    """
    if code == "budget_spent" and resets_at is not None:
        return BUDGET_RESTARTS[language].format(
            day=resets_at.day,
            month=resets_at.month,
            month_name=month_name[resets_at.month],
            time=f"{resets_at:%H:%M}",
            zone=resets_at.tzname(),
        )
    return SENTENCES.get(code, SENTENCES["internal"])[language]


SUGGESTIONS: dict[Language, list[str]] = {
    "en": [
        "Hello, thank you for taking the time today.",
        "How do you handle your orders at the moment?",
        "How many people work on the orders?",
        "What is the most difficult part for you?",
        "What happens when there is a mistake?",
        "What does that cost you every month?",
        "How would it help if the typing went away?",
        "It costs four hundred dollars a month.",
        "Who else decides about this?",
        "Shall we start with a free trial next week?",
    ],
    "ja": [
        "こんにちは。本日はお時間をいただきありがとうございます。",
        "今はどのように注文を受けていますか。",
        "受注は何人で担当していますか。",
        "一番お困りのことは何ですか。",
        "間違いがあるとどうなりますか。",
        "その損失は毎月いくらぐらいですか。",
        "入力がなくなれば、どう変わりますか。",
        "費用は月に五万円です。",
        "ほかにどなたが決定に関わりますか。",
        "来週、無料でお試しになりませんか。",
    ],
}
"""What to say to the simulator, in order; its speech recognition knows these sentences only.

A test compares them with the simulator's phrases, as neither may import the other.
"""
