/**
 * Every text of the page, in English and Japanese, in one table.
 *
 * `<key>.keys` is the variant for users with a keyboard: it names the keys.
 */

import { LANGUAGES } from "../shared-facts.js";
import { GROUP_TEXTS, groupOf } from "./calendar.js";
import { DIRECT_WORDS } from "./direct.js";

/** @typedef {"en" | "ja"} Language */
/** @typedef {{ en: string, ja: string }} Entry */

/** @type {Readonly<Record<string, Entry>>} */
export const WORDS = Object.freeze({
  "page.title": { en: "Kaiwa", ja: "Kaiwa 会話" },
  "page.tagline": { en: "Talk, and be answered.", ja: "話せば、答えが返ってくる。" },
  "page.starting": { en: "One moment…", ja: "少々お待ちください…" },
  "page.slow": {
    en: "The server has not answered yet. The page opens as soon as it does.",
    ja: "サーバーの応答を待っています。応答があり次第、ページが開きます。",
  },
  "page.skip": { en: "Skip to the message box", ja: "メッセージ欄へ移動" },
  "page.language": { en: "Page language", ja: "表示言語" },
  "page.demo": {
    en: "Demo: a simulator plays the order desk of a food wholesaler. You are the salesperson.",
    ja: "デモ：食品卸の受注担当者（シミュレーター）がお相手します。あなたは営業担当です。",
  },
  "page.demo.more": { en: "What can I say?", ja: "話しかけ方の例" },
  "page.unreachable.title": { en: "Kaiwa cannot be reached", ja: "Kaiwa に接続できません" },
  "page.unreachable.text": {
    en: "Check your network, then try again.",
    ja: "ネットワークを確認して、もう一度お試しください。",
  },

  "sign_in.title": { en: "Sign in", ja: "ログイン" },
  "sign_in.register_title": { en: "Create an account", ja: "新規登録" },
  "sign_in.username": { en: "Username", ja: "ユーザー名" },
  "sign_in.password": { en: "Password", ja: "パスワード" },
  "sign_in.submit": { en: "Sign in", ja: "ログイン" },
  "sign_in.submit_register": { en: "Create and sign in", ja: "登録して始める" },
  "sign_in.to_sign_in": { en: "I already have an account", ja: "アカウントをお持ちの方" },
  "sign_in.demo": {
    en: "The demo’s username and password were printed in the terminal where Kaiwa was started.",
    ja: "デモ用のユーザー名とパスワードは、Kaiwa を起動したターミナルに表示されています。",
  },
  "sign_in.expired": {
    en: "Your session has expired. Please sign in again.",
    ja: "ログインの有効期限が切れました。もう一度ログインしてください。",
  },
  "sign_in.signed_out": {
    en: "You are signed out. Please sign in again.",
    ja: "ログアウトしました。もう一度ログインしてください。",
  },
  "sign_in.not_kept": {
    en: "This browser blocks the storage of this site. You can sign in, but you have to sign in again when you close or reload the page.",
    ja: "このブラウザーでは、このサイトのデータ保存がブロックされています。ログインはできますが、ページを閉じるか再読み込みすると、もう一度ログインが必要です。",
  },
  "sign_in.username.rules": {
    en: "Letters, digits and @ . + - _, at most {most} characters",
    ja: "文字、数字、@ . + - _ が使えます（{most}文字以内）",
  },
  "sign_in.username.missing": {
    en: "Please enter a username.",
    ja: "ユーザー名を入力してください。",
  },
  "sign_in.username.invalid": {
    en: "Please use only letters, digits and @ . + - _",
    ja: "ユーザー名に使えるのは、文字、数字、@ . + - _ だけです。",
  },
  "sign_in.username.too_long": {
    en: "Please use at most {most} characters.",
    ja: "ユーザー名は{most}文字以内にしてください。",
  },
  "sign_in.username.taken": {
    en: "This username is taken. Please choose another one.",
    ja: "このユーザー名はすでに使われています。別の名前にしてください。",
  },
  "sign_in.password.rules": {
    en: "At least {least} characters, not only digits; no common password, and nothing like your username",
    ja: "{least}文字以上。数字だけのもの、よく使われるもの、ユーザー名に似たものは使えません",
  },
  "sign_in.password.missing": {
    en: "Please enter a password.",
    ja: "パスワードを入力してください。",
  },
  "sign_in.password.too_short": {
    en: "Please use at least {least} characters.",
    ja: "パスワードは{least}文字以上にしてください。",
  },
  "sign_in.password.too_long": {
    en: "Please use at most {most} characters.",
    ja: "パスワードは{most}文字以内にしてください。",
  },
  "sign_in.password.numeric": {
    en: "Please add letters or other characters.",
    ja: "数字以外の文字も入れてください。",
  },
  "sign_in.password.too_common": {
    en: "Too many people use this password. Please choose another one.",
    ja: "よく使われているパスワードです。別のものにしてください。",
  },
  "sign_in.password.too_similar": {
    en: "This password is too much like your username.",
    ja: "パスワードがユーザー名に似すぎています。",
  },

  "account.signed_in_as": { en: "Signed in as {name}", ja: "{name} としてログイン中" },
  "usage.open": { en: "Usage", ja: "利用状況" },
  "usage.title": { en: "Your usage", ja: "利用状況" },
  "usage.loading": { en: "Loading…", ja: "読み込んでいます…" },
  "usage.failed": {
    en: "Your usage could not be loaded. {why}",
    ja: "利用状況を読み込めませんでした。{why}",
  },
  "usage.today": { en: "Today", ja: "今日" },
  "usage.month": { en: "This month", ja: "今月" },
  "usage.day": { en: "Day", ja: "日付" },
  "usage.calls": { en: "Calls", ja: "通話" },
  "usage.minutes": { en: "Minutes", ja: "分" },
  "usage.tokens": { en: "Tokens", ja: "トークン" },
  "usage.cost": { en: "Cost", ja: "料金" },
  "usage.unknown": { en: "unknown", ja: "不明" },
  "usage.cost_unknown": { en: "cost unknown", ja: "料金不明" },
  "usage.estimate": { en: "≈ {cost}", ja: "約 {cost}" },
  "usage.estimate.note": {
    en: "≈: partly an estimate, because the provider has not billed all of it.",
    ja: "「約」の金額には、提供元からまだ請求されていない分の推定が含まれます。",
  },
  "usage.unknown.note": {
    en: "The cost is unknown where a model that was used has no known price.",
    ja: "価格が分からないモデルを使った分の料金は「不明」になります。",
  },
  "usage.zone.note": {
    en: "Days are those of the server ({zone}).",
    ja: "日付はサーバーの時間帯（{zone}）によるものです。",
  },
  "usage.chart.minutes": {
    en: "Minutes of talk by day, the last {days} days. Most: {most} on {day}.",
    ja: "1日ごとの通話時間（過去{days}日間）。最大は{day}の{most}です。",
  },
  "usage.chart.cost": {
    en: "Cost by day, the last {days} days. Most: {most} on {day}.",
    ja: "1日ごとの料金（過去{days}日間）。最大は{day}の{most}です。",
  },
  "usage.by_day": { en: "Day by day", ja: "日ごとの内訳" },
  "usage.nothing": {
    en: "Nothing was used in the last {days} days.",
    ja: "過去{days}日間の利用はありません。",
  },
  "usage.left.minutes": { en: "{left} left today", ja: "今日はあと{left}" },
  "usage.left.money": { en: "{left} left this month", ja: "今月はあと {left}" },
  "usage.left_of.minutes": {
    en: "Left today: {left} of {limit}",
    ja: "今日の残り：{left}（上限 {limit}）",
  },
  "usage.left_of.money": {
    en: "Left this month: {left} of {limit}",
    ja: "今月の残り：{left}（上限 {limit}）",
  },
  "usage.left_of.calls_at_once": {
    en: "Calls at once left: {left} of {limit}",
    ja: "同時に使える通話の残り：{left}（上限 {limit}）",
  },
  "usage.left_of.calls_per_hour": {
    en: "Calls left this hour: {left} of {limit}",
    ja: "この1時間の通話の残り：{left}（上限 {limit}）",
  },
  "account.sign_out": { en: "Sign out", ja: "ログアウト" },
  "account.sign_out_everywhere": { en: "Sign out everywhere", ja: "すべての端末でログアウト" },
  "account.sign_out_everywhere.text": {
    en: "Every device is signed out and every running call ends.",
    ja: "すべての端末からログアウトし、進行中の通話を終了します。",
  },
  "account.sign_out_everywhere.failed": {
    en: "You are still signed in. {why}",
    ja: "ログアウトできませんでした。{why}",
  },

  "sessions.title": { en: "Conversations", ja: "会話" },
  "sessions.show": { en: "Show conversations", ja: "会話の一覧を表示" },
  "sessions.hide": { en: "Close the list", ja: "一覧を閉じる" },
  "sessions.new": { en: "New conversation", ja: "新しい会話" },
  "sessions.empty": {
    en: "Your conversations will appear here.",
    ja: "これまでの会話がここに表示されます。",
  },
  "sessions.search": { en: "Search conversations", ja: "会話を検索" },
  "sessions.found": { en: "Found: {count}", ja: "{count}件見つかりました" },
  "sessions.not_found": {
    en: "No conversation has these words.",
    ja: "この言葉を含む会話はありません。",
  },
  "sessions.search.failed": { en: "The search failed. {why}", ja: "検索できませんでした。{why}" },
  "sessions.menu": { en: "Menu of “{title}”", ja: "「{title}」のメニュー" },
  "sessions.rename": { en: "Rename", ja: "名前を変更" },
  "sessions.rename_label": { en: "New name", ja: "新しい名前" },
  "sessions.rename.failed": {
    en: "The name was not changed. {why}",
    ja: "名前を変更できませんでした。{why}",
  },
  "sessions.delete": { en: "Delete", ja: "削除" },
  "sessions.delete.failed": {
    en: "The conversation was not deleted. {why}",
    ja: "会話を削除できませんでした。{why}",
  },
  "sessions.deleted": { en: "Deleted: “{title}”", ja: "削除しました：「{title}」" },
  "sessions.undo": { en: "Undo", ja: "元に戻す" },
  "sessions.restored": { en: "“{title}” is back.", ja: "「{title}」を元に戻しました。" },
  "sessions.restore.failed": {
    en: "The conversation was not brought back. {why}",
    ja: "会話を元に戻せませんでした。{why}",
  },
  "sessions.today": { en: "Today", ja: "今日" },
  "sessions.yesterday": { en: "Yesterday", ja: "昨日" },
  "sessions.week": { en: "Previous 7 days", ja: "過去7日間" },
  "sessions.spoken": { en: "Spoken", ja: "音声あり" },
  "sessions.failed": {
    en: "The conversations could not be loaded.",
    ja: "会話の一覧を読み込めませんでした。",
  },

  "sessions.export_file": { en: "Export", ja: "書き出す" },
  "sessions.export": { en: "Export “{title}”", ja: "「{title}」を書き出す" },
  "export.txt": { en: "Text to read (TXT)", ja: "読むためのテキスト（TXT）" },
  "export.csv": { en: "Table for spreadsheets (CSV)", ja: "表計算ソフト用の表（CSV）" },
  "export.vtt": { en: "Captions (WebVTT)", ja: "字幕（WebVTT）" },
  "export.json": { en: "All data (JSON)", ja: "すべてのデータ（JSON）" },
  "export.preparing": { en: "Preparing the file…", ja: "ファイルを準備しています…" },
  "export.done": { en: "Saved as {name}", ja: "{name} を保存しました" },
  "export.failed": {
    en: "The conversation was not exported. {why}",
    ja: "会話を書き出せませんでした。{why}",
  },

  "thread.label": { en: "The conversation", ja: "会話の内容" },
  "thread.you": { en: "You", ja: "あなた" },
  "thread.assistant": { en: "Kaiwa", ja: "Kaiwa" },
  "thread.writing_down": { en: "Hearing you…", ja: "聞き取り中…" },
  "thread.preparing": { en: "Preparing the answer…", ja: "応答を準備しています…" },
  "thread.failed_user": {
    en: "This could not be transcribed, but it was heard.",
    ja: "文字に起こせませんでしたが、音声は届いています。",
  },
  "thread.failed_assistant": { en: "This answer failed.", ja: "応答に失敗しました。" },
  "thread.not_transcribed": { en: "(not transcribed)", ja: "（文字起こしなし）" },
  "thread.not_heard": { en: "not heard:", ja: "再生されなかった部分：" },
  "thread.reported": {
    en: "Reported by the browser, not verified",
    ja: "ブラウザーからの報告（未確認）",
  },
  "thread.cut_off": { en: "Interrupted", ja: "途中で中断" },
  "thread.sending": { en: "Sending…", ja: "送信中…" },
  "thread.not_sent": { en: "Not sent yet", ja: "まだ送信されていません" },
  "thread.not_answered": { en: "There is no answer to this.", ja: "応答がありません。" },
  "thread.remembered_from": {
    en: "Kaiwa remembers from here on",
    ja: "Kaiwa が覚えているのはここからです",
  },
  "thread.to_latest": { en: "To the latest", ja: "最新の発言へ" },
  "thread.loading": { en: "Loading the conversation…", ja: "会話を読み込んでいます…" },
  "thread.code": { en: "Code", ja: "コード" },
  "thread.table": { en: "Table", ja: "表" },

  "copy.message": { en: "Copy this message", ja: "このメッセージをコピー" },
  "copy.code": { en: "Copy the code", ja: "コードをコピー" },
  "copy.done": { en: "Copied", ja: "コピーしました" },
  "copy.failed": { en: "It could not be copied.", ja: "コピーできませんでした。" },
  "replay.start": { en: "Hear it again", ja: "もう一度聞く" },
  "replay.stop": { en: "Stop the playback", ja: "再生を止める" },

  "empty.title": { en: "What shall we talk about?", ja: "何を話しましょうか？" },
  "empty.talk": {
    en: "Tap 🎤 Voice and simply speak. You can cut in at any time.",
    ja: "🎤「音声」を押して、話してください。途中で割り込んでも大丈夫です。",
  },
  "empty.talk_push": {
    en: "Tap 🎤 Voice, then hold the button while you speak. You can cut in at any time.",
    ja: "🎤「音声」を押し、ボタンを押したまま話してください。途中で割り込んでも大丈夫です。",
  },
  "empty.talking": {
    en: "Simply speak. You can cut in at any time.",
    ja: "そのまま話してください。途中で割り込んでも大丈夫です。",
  },
  "empty.talking_push": {
    en: "Hold the button while you speak. You can cut in at any time.",
    ja: "ボタンを押したまま話してください。途中で割り込んでも大丈夫です。",
  },
  "empty.type": {
    en: "Or type below. Voice and text share one conversation.",
    ja: "下の欄に入力してもかまいません。音声でも文字でも、ひとつの会話として続きます。",
  },
  "empty.kept": {
    en: "You can come back and go on later.",
    ja: "あとで戻って、続きから話せます。",
  },
  "empty.reviewed": {
    en: "The people who run this site may read your conversations to review them.",
    ja: "品質の確認のため、このサイトの運営者が会話を読むことがあります。",
  },
  "empty.suggestions": { en: "Try saying", ja: "こんなふうに話してみましょう" },

  "mode.label": { en: "How you talk", ja: "会話の方法" },
  "mode.text": { en: "Text", ja: "文字" },
  "mode.voice": { en: "Voice", ja: "音声" },
  "composer.label": { en: "Message", ja: "メッセージ" },
  "composer.placeholder": { en: "Write a message", ja: "メッセージを入力" },
  "composer.too_long": {
    en: "This is too long to send. Please shorten it to {most} characters or send it in parts.",
    ja: "長すぎて送信できません。{most}文字以内に短くするか、分けて送信してください。",
  },
  "composer.send": { en: "Send", ja: "送信" },
  "dictation.start": { en: "Dictate", ja: "音声で入力" },
  "dictation.finish": { en: "Finish", ja: "録音を終える" },
  "dictation.cancel": { en: "Discard the recording", ja: "録音を取り消す" },
  "dictation.asking": {
    en: "Allow the microphone in the browser’s question",
    ja: "確認画面でマイクを許可してください",
  },
  "dictation.recording": { en: "Recording", ja: "録音中" },
  "dictation.transcribing": { en: "Transcribing…", ja: "文字に起こしています…" },
  "dictation.done": {
    en: "The text is in the message box.",
    ja: "メッセージ欄に入力しました。",
  },
  "message.dismiss": { en: "Close this message", ja: "このメッセージを閉じる" },
  "dock.label": { en: "Talk and type", ja: "通話と入力" },

  "state.idle": { en: "Ready", ja: "待機中" },
  "state.asking_microphone": { en: "Waiting for the microphone", ja: "マイクの許可を待っています" },
  "state.connecting": { en: "Connecting", ja: "接続中" },
  "state.loading": { en: "Loading", ja: "読み込み中" },
  "state.not_loaded": { en: "Not loaded", ja: "読み込めません" },
  "state.listening": { en: "Listening", ja: "聞いています" },
  "state.hearing_you": { en: "Hearing you", ja: "聞き取っています" },
  "state.thinking": { en: "Thinking", ja: "考えています" },
  "state.writing": { en: "Writing", ja: "書いています" },
  "state.speaking": { en: "Speaking", ja: "話しています" },
  "state.interrupted": { en: "Interrupted", ja: "中断しました" },
  "state.reconnecting": { en: "Reconnecting", ja: "再接続中" },
  "state.ended": { en: "Ended", ja: "終了" },
  "state.not_connected": { en: "Not connected", ja: "未接続" },
  "state.paused": { en: "Paused", ja: "一時停止中" },
  "state.no_microphone": { en: "No microphone", ja: "マイクなし" },
  "state.no_sound": { en: "No sound", ja: "音が出ません" },
  "state.muted": { en: "Muted", ja: "ミュート中" },
  "state.unmuted": { en: "Unmuted", ja: "ミュートを解除しました" },
  "state.waiting_for_press": { en: "Hold to talk", ja: "ボタンを押して話す" },

  "hint.idle": {
    en: "Type, or tap 🎤 Voice to talk",
    ja: "入力するか、🎤「音声」を押して話せます",
  },
  "hint.asking_microphone": {
    en: "Allow the microphone in the browser’s question",
    ja: "確認画面でマイクを許可してください",
  },
  "hint.connecting": {
    en: "Just a moment. You can already type.",
    ja: "まもなくつながります。入力もできます。",
  },
  "hint.loading": {
    en: "The server has not answered yet. You can already type.",
    ja: "サーバーの応答を待っています。入力もできます。",
  },
  "hint.not_loaded": { en: "What you type stays here", ja: "入力した文字は残ります" },
  "hint.listening": { en: "Say something", ja: "どうぞお話しください" },
  "hint.hearing_you": { en: "Go on", ja: "そのまま続けてください" },
  "hint.thinking": { en: "The answer is coming", ja: "まもなく応答します" },
  "hint.writing": { en: "You can stop the answer", ja: "途中で止められます" },
  "hint.writing.keys": { en: "Stop the answer with Esc", ja: "Esc で止められます" },
  "hint.speaking": { en: "Speak to cut in", ja: "話しかけると割り込めます" },
  "hint.interrupted": { en: "The answer was stopped", ja: "応答を止めました" },
  "hint.reconnecting": {
    en: "The connection was lost. Kaiwa keeps trying by itself.",
    ja: "接続が切れました。自動でつなぎ直しています。",
  },
  "hint.reconnecting.offline": {
    en: "You are offline. Kaiwa goes on by itself when the network is back.",
    ja: "オフラインです。ネットワークが戻ると、自動で再開します。",
  },
  "hint.reconnecting.draining": {
    en: "The server is restarting. Kaiwa goes on by itself when it is back.",
    ja: "サーバーを再起動しています。完了すると、自動で再開します。",
  },
  "hint.reconnecting.unanswered": {
    en: "The server has not answered yet. Kaiwa keeps trying by itself.",
    ja: "サーバーからまだ応答がありません。自動で送信を続けます。",
  },
  "hint.reconnecting.internal": {
    en: "The server has a problem. Kaiwa keeps trying by itself.",
    ja: "サーバーに問題が起きています。自動でつなぎ直しています。",
  },
  "hint.reconnecting.rate_limit": {
    en: "The server is busy. Kaiwa keeps trying by itself.",
    ja: "サーバーが混み合っています。自動でつなぎ直しています。",
  },
  "hint.reconnecting.too_slow": {
    en: "The network was too slow for the sound. Kaiwa connects again by itself.",
    ja: "回線が遅く、音声が途切れました。自動でつなぎ直しています。",
  },
  "hint.reconnecting.unresponsive": {
    en: "This page did not respond for a while. Kaiwa connects again by itself.",
    ja: "ページがしばらく応答しませんでした。自動でつなぎ直しています。",
  },
  "hint.reconnecting.provider_failed": {
    en: "The voice service broke off. Kaiwa connects again by itself.",
    ja: "音声サービスとの接続が切れました。自動でつなぎ直しています。",
  },
  "hint.reconnecting.provider_unavailable": {
    en: "The voice service cannot be reached. Kaiwa keeps trying by itself.",
    ja: "音声サービスに接続できません。自動でつなぎ直しています。",
  },
  "hint.reconnecting.provider_timeout": {
    en: "The voice service did not answer. Kaiwa keeps trying by itself.",
    ja: "音声サービスから応答がありません。自動でつなぎ直しています。",
  },
  "hint.reconnecting.provider_lost": {
    en: "Kaiwa renews its connection to the voice service by itself. The conversation goes on.",
    ja: "音声サービスとの接続を自動で更新しています。会話はそのまま続きます。",
  },
  "hint.microphone_resting": {
    en: "{cause} The microphone is off meanwhile.",
    ja: "{cause}その間、マイクはオフになります。",
  },
  "hint.idle_without_voice": { en: "Type a message", ja: "文字で入力できます" },
  "hint.budget_spent": {
    en: "You can still read your conversations",
    ja: "これまでの会話は引き続き読めます",
  },
  "hint.not_connected": { en: "The call was not opened", ja: "通話はつながっていません" },
  "hint.paused": { en: "You can go on at any time", ja: "いつでも続きから話せます" },
  "hint.ended": { en: "The conversation so far is kept", ja: "ここまでの会話は保存されています" },
  "hint.no_microphone": {
    en: "Your microphone is off. You can type.",
    ja: "マイクはオフです。文字で入力できます。",
  },
  "hint.no_microphone_answering": {
    en: "Your microphone is off. You can still stop the answer.",
    ja: "マイクはオフです。応答は停止できます。",
  },
  "hint.no_microphone_answering.keys": {
    en: "Your microphone is off. You can still stop the answer (Esc).",
    ja: "マイクはオフです。応答は停止ボタンか Esc で停止できます。",
  },
  "hint.no_sound": {
    en: "You are not heard yet. You can type.",
    ja: "声はまだ届きません。文字で入力できます。",
  },
  "hint.no_sound_answering": {
    en: "You can read the answer",
    ja: "応答は文字で表示されます",
  },
  "hint.muted": { en: "Unmute to speak", ja: "解除すると話せます" },
  "hint.muted.keys": { en: "Unmute (M) to speak", ja: "解除（M）すると話せます" },
  "hint.muted_answering": {
    en: "You are muted. Unmute to cut in.",
    ja: "ミュート中です。解除すると割り込めます。",
  },
  "hint.muted_answering.keys": {
    en: "You are muted. Unmute (M) or stop the answer (Esc).",
    ja: "ミュート中です。解除（M）か応答の停止（Esc）ができます。",
  },
  "hint.press_to_cut_in": {
    en: "Hold the button to cut in",
    ja: "ボタンを押すと割り込めます",
  },
  "hint.press_to_cut_in.keys": {
    en: "Hold Space or the button to cut in",
    ja: "Space かボタンを押すと割り込めます",
  },
  "hint.waiting_for_press": {
    en: "Hold the button while you speak",
    ja: "ボタンを押したまま話します",
  },
  "hint.waiting_for_press.keys": {
    en: "Hold Space or the button",
    ja: "Space かボタンを押したまま話します",
  },
  "latency.label": {
    en: "From the end of your words to the answer",
    ja: "話し終えてから応答までの時間",
  },
  "latency.answered": { en: "Answered in {time}", ja: "応答 {time}" },

  "voice.mute": { en: "Mute", ja: "ミュート" },
  "voice.unmute": { en: "Unmute", ja: "ミュート解除" },
  "voice.hold": { en: "Hold to talk", ja: "押して話す" },
  "voice.holding": { en: "Release to send", ja: "離すと送信" },
  "voice.stop": { en: "Stop the answer", ja: "応答を止める" },
  "voice.volume": { en: "Volume", ja: "音量" },
  "voice.picture": { en: "Voice: {state}", ja: "音声：{state}" },
  "voice.end": { en: "End the call", ja: "通話を終了" },
  "voice.silence": { en: "Turn Kaiwa’s voice off", ja: "Kaiwa の声を消す" },
  "voice.unsilence": { en: "Turn Kaiwa’s voice on", ja: "Kaiwa の声を出す" },
  "voice.level": { en: "Microphone level", ja: "マイクの音量" },

  "settings.open": { en: "Settings", ja: "設定" },
  "settings.title": { en: "Settings", ja: "設定" },
  "settings.close": { en: "Done", ja: "完了" },
  "settings.talk_mode": { en: "How you talk", ja: "会話の方法" },
  "settings.hands_free": {
    en: "Hands-free: just speak; a pause ends your turn",
    ja: "ハンズフリー：話すだけ。間が空くと応答します",
  },
  "settings.push_to_talk": {
    en: "Push to talk: you are heard while you hold the button",
    ja: "押して話す：ボタンを押している間だけ届きます",
  },
  "settings.push_to_talk.keys": {
    en: "Push to talk: hold Space or the button",
    ja: "押して話す：Space またはボタンを押している間だけ届きます",
  },
  "settings.microphone": { en: "Microphone", ja: "マイク" },
  "settings.default_microphone": { en: "The device’s default", ja: "既定のマイク" },
  "settings.kept_microphone": {
    en: "The microphone you chose before",
    ja: "前回選択したマイク",
  },
  "settings.nth_microphone": { en: "Microphone {n}", ja: "マイク {n}" },
  "settings.echo": { en: "Remove echo", ja: "エコーを除去" },
  "settings.noise": { en: "Reduce noise", ja: "雑音を抑える" },
  "settings.gain": { en: "Even out loudness", ja: "音量を自動調整" },
  "settings.headphones": {
    en: "If Kaiwa hears itself, use headphones.",
    ja: "Kaiwa 自身の声に反応してしまうときは、ヘッドホンをお使いください。",
  },
  "settings.session": { en: "This conversation", ja: "この会話" },
  "settings.session_voice": { en: "Voice", ja: "声" },
  "settings.default_voice": { en: "Standard", ja: "標準" },
  "settings.session_language": { en: "Language", ja: "言語" },
  "settings.session_note": {
    en: "For the next call and for the answer to the next typed message. A running call keeps its own.",
    ja: "次の通話と、次に入力したときの応答から使われます。進行中の通話では変わりません。",
  },
  "settings.session.failed": {
    en: "This was not changed. {why}",
    ja: "変更できませんでした。{why}",
  },

  "settings.sample": { en: "Hear the voice", ja: "声を聞いてみる" },
  "settings.sample.stop": { en: "Stop the sample", ja: "再生を止める" },
  "settings.sample.failed": {
    en: "The voice could not be played. {why}",
    ja: "声を再生できませんでした。{why}",
  },
  "quality.label": { en: "Connection: {level}", ja: "接続：{level}" },
  "quality.good": { en: "good", ja: "良好" },
  "quality.fair": { en: "fair", ja: "普通" },
  "quality.poor": { en: "poor", ja: "不安定" },
  "quality.round_trip": { en: "To the server and back", ja: "サーバーとの往復" },
  "quality.round_trip_direct": { en: "To the voice service and back", ja: "音声サービスとの往復" },
  "quality.answer": {
    en: "Time to answer, median (p50)",
    ja: "応答までの時間の中央値（p50）",
  },
  "quality.no_answer": { en: "None yet", ja: "まだありません" },
  "settings.speaker": { en: "Speaker", ja: "スピーカー" },
  "settings.default_speaker": { en: "The device’s default", ja: "既定のスピーカー" },
  "settings.kept_speaker": { en: "The speaker you chose before", ja: "前回選択したスピーカー" },
  "settings.nth_speaker": { en: "Speaker {n}", ja: "スピーカー {n}" },
  "settings.speaker_note": {
    en: "The browser lists your speakers once you have allowed the microphone.",
    ja: "マイクを許可すると、スピーカーの一覧が表示されます。",
  },
  "action.choose_speaker": { en: "Choose a speaker", ja: "スピーカーを選ぶ" },
  "help.speaker_lost.title": {
    en: "Your speaker is not connected",
    ja: "選択したスピーカーが見つかりません",
  },
  "help.speaker_lost.text": {
    en: "Kaiwa speaks through the device’s default one, and through yours again when it is back.",
    ja: "既定のスピーカーから音声を流しています。接続し直すと、元のスピーカーに戻ります。",
  },
  "settings.transport": { en: "Connection", ja: "接続方法" },
  "settings.transport.relay": { en: "Through the server", ja: "サーバー経由" },
  "settings.transport.automatic": { en: "Automatic", ja: "自動" },
  "settings.transport.webrtc": { en: "Direct (WebRTC)", ja: "直接（WebRTC）" },
  "settings.transport_note": {
    en: "For the next call. “Automatic” tries the direct connection first, and goes through the server where the network blocks it.",
    ja: "次の通話から使われます。「自動」では、まず直接接続を試し、ネットワークで遮断されている場合はサーバー経由に切り替えます。",
  },
  "transport.fell_back": {
    en: "This network blocks the direct connection. The call goes through the server.",
    ja: "このネットワークでは直接接続できないため、サーバー経由で通話しています。",
  },
  "settings.theme": { en: "Appearance", ja: "外観" },
  "settings.theme.system": { en: "As the system", ja: "システムに合わせる" },
  "settings.theme.light": { en: "Light", ja: "ライト" },
  "settings.theme.dark": { en: "Dark", ja: "ダーク" },

  "keys.open": { en: "Keyboard", ja: "キー操作" },
  "keys.title": { en: "Keyboard", ja: "キー操作" },
  "keys.talk": {
    en: "Hold to talk (with push to talk, or while muted)",
    ja: "押しながら話す（「押して話す」のとき、またはミュート中）",
  },
  "keys.voice": { en: "Start or end the call", ja: "通話の開始・終了" },
  "keys.mute": { en: "Mute or unmute", ja: "ミュートの切り替え" },
  "keys.stop": { en: "Stop the answer", ja: "応答を止める" },
  "keys.send": { en: "Send the message", ja: "メッセージを送信" },
  "keys.newline": { en: "New line", ja: "改行" },
  "keys.help": { en: "This list", ja: "この一覧" },
  "keys.space": { en: "Space", ja: "Space" },

  "dialog.cancel": { en: "Cancel", ja: "キャンセル" },
  "dialog.close": { en: "Close", ja: "閉じる" },

  "action.ask_microphone": { en: "Try the microphone again", ja: "もう一度マイクを使う" },
  "action.type_instead": { en: "Type instead", ja: "文字で入力する" },
  "action.reconnect": { en: "Connect again", ja: "もう一度つなぐ" },
  "action.talk_here": { en: "Talk here", ja: "ここで話す" },
  "action.sign_in": { en: "Sign in", ja: "ログイン" },
  "action.reload": { en: "Reload the page", ja: "ページを再読み込み" },
  "action.choose_microphone": { en: "Choose a microphone", ja: "マイクを選ぶ" },
  "action.choose_connection": { en: "Choose a connection", ja: "接続方法を選ぶ" },
  "action.turn_on_sound": { en: "Turn the sound on", ja: "音を出す" },
  "action.dismiss": { en: "Close", ja: "閉じる" },
  "action.new_session": { en: "New conversation", ja: "新しい会話" },
  "action.retry": { en: "Try again", ja: "もう一度試す" },

  "help.microphone_denied.title": {
    en: "The microphone is blocked",
    ja: "マイクの使用が許可されていません",
  },
  "help.microphone_denied.text": {
    en: "Allow the microphone for this page, then try again.",
    ja: "このページでのマイクの使用を許可してから、もう一度お試しください。",
  },
  "help.microphone_denied.chrome": {
    en: "Click the icon to the left of the page’s address, allow the microphone, then try again.",
    ja: "アドレスの左にあるアイコンからマイクを許可して、もう一度お試しください。",
  },
  "help.microphone_denied.firefox": {
    en: "Click the crossed-out microphone to the left of the page’s address, remove the block, then try again.",
    ja: "アドレスの左にある斜線つきのマイクのアイコンから禁止を解除して、もう一度お試しください。",
  },
  "help.microphone_denied.safari": {
    en: "Open Safari ▸ Settings for This Website, allow the microphone, then try again.",
    ja: "「Safari」▸「このWebサイトでの設定」でマイクを許可して、もう一度お試しください。",
  },
  "help.microphone_denied.ios": {
    en: "Tap the icon beside the page’s address, open the website settings, allow the microphone, then try again.",
    ja: "アドレス欄のアイコンから「Webサイトの設定」を開き、マイクを許可して、もう一度お試しください。",
  },
  "help.microphone_missing.title": { en: "No microphone was found", ja: "マイクが見つかりません" },
  "help.microphone_missing.text": {
    en: "Plug one in or turn one on, then try again. You can keep typing meanwhile.",
    ja: "マイクを接続するか電源を入れて、もう一度お試しください。その間も文字で入力できます。",
  },
  "help.microphone_busy.title": {
    en: "The microphone is in use",
    ja: "マイクがほかで使われています",
  },
  "help.microphone_busy.text": {
    en: "Another app is using it. Close that app or its call, then try again.",
    ja: "ほかのアプリが使用中です。そのアプリや通話を終了して、もう一度お試しください。",
  },
  "help.microphone_insecure.title": {
    en: "No microphone on this address",
    ja: "このアドレスではマイクを使えません",
  },
  "help.microphone_insecure.text": {
    en: "Browsers allow the microphone only on secure pages. Open the address that begins with https, or type.",
    ja: "ブラウザーは安全なページでしかマイクを許可しません。https で始まるアドレスで開くか、文字で入力してください。",
  },
  "help.microphone_failed.title": {
    en: "The microphone did not start",
    ja: "マイクを開始できませんでした",
  },
  "help.microphone_failed.text": {
    en: "Unplug it and plug it in again, or choose another one in the settings.",
    ja: "接続し直すか、設定で別のマイクを選んでください。",
  },
  "help.microphone_silent.title": {
    en: "Nothing comes from the microphone",
    ja: "マイクから音が届いていません",
  },
  "help.microphone_silent.text": {
    en: "It is on, but perfectly silent. Check its own mute switch, or choose another one in the settings.",
    ja: "マイクは動作していますが、無音です。本体のミュートを確認するか、設定で別のマイクを選んでください。",
  },
  "help.microphone_stopped.title": {
    en: "The microphone stopped",
    ja: "マイクが止まりました",
  },
  "help.microphone_stopped.text": {
    en: "It was unplugged or another app took it. Connect it, then try again.",
    ja: "取り外されたか、ほかのアプリに使われています。接続を確認して、もう一度お試しください。",
  },
  "help.sound_blocked.title": {
    en: "The browser plays no sound",
    ja: "ブラウザーから音が出ていません",
  },
  "help.sound_blocked.text": {
    en: "Answers appear as text, and you are not heard until the sound is on. If the button does not help, check the speaker or headphones.",
    ja: "応答は文字で表示されます。音が出るようになるまで、声も届きません。ボタンを押しても変わらないときは、スピーカーやイヤホンの接続をご確認ください。",
  },
  "help.slow_network.title": { en: "Your network is slow", ja: "回線が遅くなっています" },
  "help.slow_network.text": {
    en: "Some of what you said did not get through. Pause a moment, then say it again.",
    ja: "話した内容の一部が届きませんでした。少し待ってから、もう一度お話しください。",
  },
  "help.no_network.title": { en: "The connection is lost", ja: "接続が切れました" },
  "help.no_network.text": {
    en: "Check your network, then connect again. Unsent messages are sent then.",
    ja: "ネットワークを確認して、もう一度つないでください。まだ送信されていないメッセージは、そのときに送信します。",
  },
  "help.webrtc_blocked.title": {
    en: "The direct connection does not get through",
    ja: "直接接続できませんでした",
  },
  "help.webrtc_blocked.text": {
    en: "This network or the server does not allow it. In the settings, choose “Automatic” or “Through the server” as the connection.",
    ja: "ネットワークまたはサーバーで許可されていません。設定の「接続方法」で「自動」または「サーバー経由」を選んでください。",
  },
  "help.not_loaded.title": {
    en: "The conversation could not be loaded",
    ja: "会話を読み込めませんでした",
  },
  "help.not_loaded.text": {
    en: "Check your network, then try again.",
    ja: "ネットワークを確認して、もう一度お試しください。",
  },
  "help.answer_failed.title": { en: "The answer failed", ja: "応答に失敗しました" },
  "help.answer_failed.text": {
    en: "Please say or write it once more.",
    ja: "もう一度、お話しいただくか入力してください。",
  },
  "help.voice_unsupported.title": {
    en: "This browser cannot make calls",
    ja: "このブラウザーでは通話できません",
  },
  "help.voice_unsupported.text": {
    en: "It has no microphone or no sound for web pages, or they are turned off. Update it or use another one, or type.",
    ja: "マイクや音声の機能がないか、無効になっています。ブラウザーを更新するか別のブラウザーを使うか、文字で入力してください。",
  },
  "help.page_failed.title": { en: "The page has failed", ja: "ページで問題が起きました" },
  "help.page_failed.text": {
    en: "The microphone is off, and the conversation so far is kept. Please reload the page.",
    ja: "マイクはオフになりました。ここまでの会話は保存されています。ページを再読み込みしてください。",
  },
  "help.no_answer.title": { en: "No answer came", ja: "応答がありませんでした" },
  "help.no_answer.text": {
    en: "Please say it again, or type.",
    ja: "もう一度お話しいただくか、文字で入力してください。",
  },
  "help.completed.title": { en: "The call is over", ja: "通話を終了しました" },
  "help.completed.text": {
    en: "Connect again whenever you like; the conversation goes on.",
    ja: "いつでもつなぎ直して、続きから話せます。",
  },
  "help.draining.title": { en: "The server is restarting", ja: "サーバーを再起動しています" },
  "help.draining.text": {
    en: "It takes longer than usual. Connect again in a few minutes; unsent messages are sent then.",
    ja: "いつもより時間がかかっています。数分待ってから、もう一度つないでください。まだ送信されていないメッセージは、そのときに送信します。",
  },
  "card.for_admin": { en: "For the administrator", ja: "管理者の方へ" },
  "help.origin_foreign.title": {
    en: "The voice connection was refused",
    ja: "音声の接続が拒否されました",
  },
  "help.origin_foreign.text": {
    en: "The administrator can fix this. You can keep typing meanwhile.",
    ja: "管理者が設定を直すと使えます。その間も文字で入力できます。",
  },
  "help.origin_foreign.admin": {
    en: "This page is at {origin}, but its requests reach the server with Host {host}. Let the proxy pass on the Host as it is (nginx: proxy_set_header Host $http_host), or allow this address in ALLOWED_ORIGINS.",
    ja: "このページのアドレスは {origin} ですが、サーバーに届く Host は {host} です。プロキシが Host をそのまま渡すように設定するか（nginx：proxy_set_header Host $http_host）、このアドレスを ALLOWED_ORIGINS に加えてください。",
  },
  "help.upgrade_missing.title": {
    en: "A proxy does not let the voice connection through",
    ja: "プロキシが音声の接続を通していません",
  },
  "help.upgrade_missing.text": {
    en: "The administrator can fix this. You can keep typing meanwhile.",
    ja: "管理者が設定を直すと使えます。その間も文字で入力できます。",
  },
  "help.upgrade_missing.admin": {
    en: "The WebSocket upgrade does not reach the server. Let the proxy speak HTTP/1.1 to it and pass on the headers Upgrade and Connection (docs/deployment.md shows how).",
    ja: "WebSocket への切り替え要求がサーバーに届いていません。プロキシからサーバーへ HTTP/1.1 で接続し、Upgrade と Connection のヘッダーを渡してください（設定例は docs/deployment.md にあります）。",
  },
  "help.subprotocol_missing.title": {
    en: "A proxy removes a part of the voice connection",
    ja: "プロキシが音声の接続情報を取り除いています",
  },
  "help.subprotocol_missing.text": {
    en: "The administrator can fix this. You can keep typing meanwhile.",
    ja: "管理者が設定を直すと使えます。その間も文字で入力できます。",
  },
  "help.subprotocol_missing.admin": {
    en: "The header Sec-WebSocket-Protocol, which carries the ticket, is lost on the way. Let the proxy pass it on in both directions (docs/deployment.md shows how).",
    ja: "チケットを運ぶヘッダー Sec-WebSocket-Protocol が途中で失われています。プロキシが双方向で渡すように設定してください（設定例は docs/deployment.md にあります）。",
  },
  "help.bad_frames.title": {
    en: "The page and the server disagree",
    ja: "ページを更新してください",
  },
  "help.bad_frames.text": {
    en: "The page may be out of date. Reload it; the conversation so far is kept.",
    ja: "ページが古い可能性があります。再読み込みしてください。ここまでの会話は保存されています。",
  },
  "help.unauthenticated.title": {
    en: "Please sign in again",
    ja: "もう一度ログインしてください",
  },
  "help.unauthenticated.text": {
    en: "Your session has expired. The conversation so far is kept.",
    ja: "ログインの有効期限が切れました。ここまでの会話は保存されています。",
  },
  "help.revoked.title": { en: "You signed out elsewhere", ja: "別の端末でログアウトされました" },
  "help.revoked.text": {
    en: "Sign in again to go on here.",
    ja: "続けるには、もう一度ログインしてください。",
  },
  "help.forbidden.title": { en: "This conversation cannot be opened", ja: "この会話は開けません" },
  "help.forbidden.text": {
    en: "It was deleted, or it is not yours. Start a new one.",
    ja: "削除されたか、ほかの人の会話です。新しい会話を始めてください。",
  },
  "help.session_closed.title": {
    en: "This conversation is closed",
    ja: "この会話は終了しています",
  },
  "help.session_closed.text": {
    en: "It can be read, but not continued. Start a new one.",
    ja: "読むことはできますが、続けることはできません。新しい会話を始めてください。",
  },
  "help.too_slow.title": {
    en: "Your network is too slow for the sound",
    ja: "回線が遅く、音声が届きません",
  },
  "help.too_slow.text": {
    en: "Move closer to your Wi-Fi or switch networks, then connect again.",
    ja: "電波の良い場所に移動するか、別の回線に切り替えて、もう一度つないでください。",
  },
  "help.unresponsive.title": {
    en: "This page did not respond for a while",
    ja: "ページがしばらく応答しませんでした",
  },
  "help.unresponsive.text": {
    en: "The call ended; the conversation is kept. If it happens again, reload the page.",
    ja: "そのため通話を終了しましたが、会話は残っています。繰り返すときは、ページを再読み込みしてください。",
  },
  "help.idle.title": { en: "The call was paused", ja: "通話を一時停止しました" },
  "help.idle.text": {
    en: "Nothing was said for a while. Connect again to go on.",
    ja: "しばらく発言がありませんでした。もう一度つなぐと、続きから話せます。",
  },
  "help.taken_over.title": {
    en: "The conversation went on elsewhere",
    ja: "会話は別の場所で続いています",
  },
  "help.taken_over.text": {
    en: "It was opened for talking in another tab or on another device. You can bring it back here.",
    ja: "別のタブまたは端末で通話が始まりました。ここに戻すこともできます。",
  },
  "help.time_limit.title": {
    en: "The call reached its time limit",
    ja: "通話時間の上限に達しました",
  },
  "help.time_limit.text": {
    en: "Connect again to go on; the conversation is kept.",
    ja: "もう一度つなぐと、続きから話せます。",
  },
  "help.rate_limit.title": { en: "That was a lot at once", ja: "しばらくお待ちください" },
  "help.rate_limit.text": {
    en: "Please wait a minute, then connect again.",
    ja: "送信量が多すぎました。1分ほど待ってから、もう一度つないでください。",
  },
  "help.too_many_calls.title": {
    en: "You have too many calls at once",
    ja: "同時通話数の上限に達しています",
  },
  "help.too_many_calls.text": {
    en: "End a call in another tab or on another device, then connect again. You can keep typing meanwhile.",
    ja: "ほかのタブや端末での通話を終了してから、もう一度つないでください。その間も文字で入力できます。",
  },
  "help.server_full.title": {
    en: "There is no room for another call right now",
    ja: "ただいま通話が混み合っています",
  },
  "help.server_full.text": {
    en: "Wait a minute, then connect again. You can keep typing meanwhile.",
    ja: "1分ほど待ってから、もう一度つないでください。その間も文字で入力できます。",
  },
  "help.hourly_limit.title": {
    en: "You have used up this hour’s calls",
    ja: "1時間に開始できる通話の上限に達しました",
  },
  "help.hourly_limit.text": {
    en: "You can call again from {time}. You can keep typing meanwhile.",
    ja: "{time}以降に、もう一度通話できます。その間も文字で入力できます。",
  },
  "help.budget_spent.title": { en: "Your budget is used up", ja: "利用枠を使い切りました" },
  "help.budget_spent.text": {
    en: "You can go on from {time}. If you need more before then, ask the administrator.",
    ja: "{time}から再び利用できます。それまでに必要な場合は、管理者にお問い合わせください。",
  },
  "help.budget_none.title": { en: "Your budget is used up", ja: "利用枠を使い切りました" },
  "help.budget_none.text": {
    en: "If you need more, ask the administrator.",
    ja: "増やす必要がある場合は、管理者にお問い合わせください。",
  },
  "help.calls_not_allowed.title": {
    en: "You may not make calls here",
    ja: "通話は許可されていません",
  },
  "help.calls_not_allowed.text": {
    en: "You can type instead. If you need calls, ask the administrator.",
    ja: "文字での入力は利用できます。通話が必要な場合は、管理者にお問い合わせください。",
  },
  "help.price_unknown.title": {
    en: "This model cannot be used with a budget",
    ja: "このモデルは利用枠のもとでは使えません",
  },
  "help.price_unknown.text": {
    en: "What it costs is unknown. Please tell the administrator.",
    ja: "料金が不明なためです。管理者にお知らせください。",
  },
  "budget.money.warning": {
    en: "More than 80% of this month’s budget is used. The rest has to last until {time}.",
    ja: "今月の利用枠の80%以上を使用しました。{time}にリセットされます。",
  },
  "budget.minutes.warning": {
    en: "More than 80% of today’s minutes are used. The rest has to last until {time}.",
    ja: "今日の通話時間の80%以上を使用しました。{time}にリセットされます。",
  },
  "budget.spent": {
    en: "Your budget is used up. The call ends after this answer.",
    ja: "利用枠を使い切りました。この応答のあとに通話を終了します。",
  },
  "error.budget_spent": {
    en: "Your budget is used up. You can go on from {time}.",
    ja: "利用枠を使い切りました。{time}から再び利用できます。",
  },
  "help.internal.title": { en: "Something went wrong", ja: "問題が起きました" },
  "help.internal.text": {
    en: "It is our fault, not yours. The conversation so far is kept; please connect again.",
    ja: "サーバー側の問題です。ここまでの会話は保存されています。もう一度つないでください。",
  },
  "help.provider_failed.title": {
    en: "The voice service broke off",
    ja: "音声サービスとの接続が切れました",
  },
  "help.provider_failed.text": {
    en: "The conversation so far is kept. Please connect again.",
    ja: "ここまでの会話は保存されています。もう一度つないでください。",
  },
  "help.provider_refused.title": {
    en: "The voice service refused",
    ja: "音声サービスに拒否されました",
  },
  "help.provider_refused.text": {
    en: "Please tell the administrator; trying again rarely helps.",
    ja: "管理者にお知らせください。再試行で改善することはほとんどありません。",
  },
  "help.provider_unavailable.title": {
    en: "The voice service cannot be reached",
    ja: "音声サービスに接続できません",
  },
  "help.provider_unavailable.text": {
    en: "It may be back in a minute. The conversation so far is kept.",
    ja: "しばらくすると回復することがあります。ここまでの会話は保存されています。",
  },
  "help.provider_timeout.title": {
    en: "The voice service did not answer",
    ja: "音声サービスから応答がありません",
  },
  "help.provider_timeout.text": {
    en: "It took too long. Please connect again.",
    ja: "時間がかかりすぎたため中断しました。もう一度つないでください。",
  },
  "help.interrupted.title": { en: "The call was cut off", ja: "通話が途切れました" },
  "help.interrupted.text": {
    en: "The conversation so far is kept. Please connect again.",
    ja: "ここまでの会話は保存されています。もう一度つないでください。",
  },

  "error.no_network": {
    en: "The server cannot be reached. Check your network and try again.",
    ja: "サーバーに接続できません。ネットワークを確認して、もう一度お試しください。",
  },
  "error.internal": {
    en: "Something went wrong. Please try again.",
    ja: "問題が起きました。もう一度お試しください。",
  },

  ...DIRECT_WORDS,
});

/**
 * The language to start with: the user's choice, else the first of the browser's languages that the page
 * has, else English.
 *
 * @param {string} chosen Empty when none was chosen.
 * @param {readonly string[]} wanted
 * @returns {Language}
 */
export function languageFrom(chosen, wanted) {
  for (const tag of [chosen, ...wanted]) {
    const language = languageOf(tag);
    if (language) return language;
  }
  return "en";
}

/** The page's language of a language tag (`ja-JP`); null for others. @param {string} tag */
function languageOf(tag) {
  const primary = tag.split("-")[0]?.toLowerCase();
  return /** @type {Language | null} */ (LANGUAGES.find((one) => one === primary) ?? null);
}

/** Whether `Intl` takes a tag. Some browsers name the system's locale, such as `en-US@posix`.
 * @param {string} tag */
function isLocale(tag) {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

/** Words that browsers break in two where they break lines between phrases (`word-break: auto-phrase`). */
const ONE_WORD = /もう一度|その間/g;

/** A Japanese text with a word joiner, U+2060, in each of these words. @param {string} text */
function unbroken(text) {
  return text.replace(ONE_WORD, (word) => `${word.slice(0, 2)}\u2060${word.slice(2)}`);
}

const TIME = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit" });

/** The year of a date, unless it is this one. @param {Date} date @param {Date} now
 * @returns {Intl.DateTimeFormatOptions} */
const yearOf = (date, now) => (date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" });

/** The page's texts in one language, which may be changed. */
export class Words {
  /** Whether the user has a keyboard: then texts name its keys. */
  hasKeys = true;
  #browserLanguages;
  /** @type {Map<string, Intl.DateTimeFormat>} */
  #formats = new Map();

  /** @param {Language} language @param {readonly string[]} browserLanguages `navigator.languages`. */
  constructor(language, browserLanguages = []) {
    this.language = language;
    this.#browserLanguages = browserLanguages;
  }

  /** For numbers and times: the user's region, if they have one with this language. */
  get #locale() {
    const isWanted = (/** @type {string} */ tag) => languageOf(tag) === this.language;
    return this.#browserLanguages.find((tag) => isWanted(tag) && isLocale(tag)) ?? this.language;
  }

  /**
   * The text for a key, with {names} filled in. Throws for a key without a text.
   *
   * @param {string} key
   * @param {Record<string, string | number>} [values]
   * @param {boolean} [namesKeys]
   * @returns {string}
   */
  say(key, values = {}, namesKeys = this.hasKeys) {
    const entry = (namesKeys && WORDS[`${key}.keys`]) || WORDS[key];
    if (!entry) throw new Error(`no words for ${key}`);
    const text = this.language === "ja" ? unbroken(entry.ja) : entry[this.language];
    return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
  }

  /**
   * The text for the first of the keys that has one; that of `error.internal` if none has.
   *
   * @param {...string} keys
   */
  sayFirst(...keys) {
    return this.say(this.firstOf(...keys));
  }

  /** The first of the keys that has a text; `error.internal` if none has. @param {...string} keys */
  firstOf(...keys) {
    return keys.find((key) => key in WORDS) ?? "error.internal";
  }

  /** Whether there is a text for a key. @param {string} key */
  has(key) {
    return key in WORDS;
  }

  /** The heading of the group of a list in which a moment is shown. @param {Date} date @param {Date} now */
  group(date, now) {
    const { name } = groupOf(date, now);
    if (name !== "month") return this.say(GROUP_TEXTS[name]);
    return this.#written(date, { month: "long", ...yearOf(date, now) });
  }

  /**
   * When something was, below the heading of its group: the time, with the day of the week if that is not
   * told; or the date.
   *
   * @param {Date} date
   * @param {Date} now
   */
  timeInGroup(date, now) {
    const { name } = groupOf(date, now);
    if (name === "month") {
      return this.#written(date, { month: "short", day: "numeric", ...yearOf(date, now) });
    }
    return this.#written(date, name === "week" ? { weekday: "short", ...TIME } : TIME);
  }

  /** The time of day. @param {Date} date */
  time(date) {
    return this.#written(date, TIME);
  }

  /** The date with its day of the week, and its year if that is not this one.
   * @param {Date} date @param {Date} now */
  day(date, now) {
    return this.#written(date, {
      weekday: "long",
      month: "long",
      day: "numeric",
      ...yearOf(date, now),
    });
  }

  /** The whole date and the time. @param {Date} date */
  moment(date) {
    return this.#written(date, { dateStyle: "full", timeStyle: "short" });
  }

  /** @param {Date} date @param {Intl.DateTimeFormatOptions} options */
  #written(date, options) {
    const key = `${this.#locale} ${JSON.stringify(options)}`;
    // Making one takes longer than drawing a line.
    const format = this.#formats.get(key) ?? new Intl.DateTimeFormat(this.#locale, options);
    this.#formats.set(key, format);
    return format.format(date);
  }

  /** @param {number} count */
  number(count) {
    return new Intl.NumberFormat(this.#locale).format(count);
  }

  /** USD: two decimals, and as many as it takes to show that a small amount is not zero.
   * @param {number} usd */
  money(usd) {
    const isSmall = usd > 0 && usd < 0.01;
    return new Intl.NumberFormat(this.#locale, {
      style: "currency",
      currency: "USD",
      currencyDisplay: "narrowSymbol",
      maximumFractionDigits: isSmall ? 4 : 2,
    }).format(usd);
  }

  /** Whole minutes; with one decimal below ten. @param {number} minutes */
  minutes(minutes) {
    const text = new Intl.NumberFormat(this.#locale, {
      style: "unit",
      unit: "minute",
      maximumFractionDigits: minutes < 10 ? 1 : 0,
    }).format(minutes);
    // As in our own texts. What browsers call narrow is `3m`, also in Japanese.
    return text.replace(/\s(?=分)/, "");
  }

  /** A day that the server names, `2026-11-28`, without a year. @param {string} date */
  calendarDay(date) {
    return new Intl.DateTimeFormat(this.#locale, {
      month: "short",
      day: "numeric",
      timeZone: "UTC",
    }).format(new Date(`${date}T00:00:00Z`));
  }

  /** @param {number} ms */
  milliseconds(ms) {
    return new Intl.NumberFormat(this.#locale, {
      style: "unit",
      unit: "millisecond",
      maximumFractionDigits: 0,
    }).format(ms);
  }
}
