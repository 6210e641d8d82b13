/** The texts of the page `/openai-realtime`, in English and Japanese. */

/** @import { Entry } from "./i18n.js" */

/** @type {Readonly<Record<string, Entry>>} */
export const DIRECT_WORDS = Object.freeze({
  "direct.title": { en: "OpenAI Realtime, directly", ja: "OpenAI Realtime と直接話す" },
  "direct.about": {
    en: "The sound goes straight between your browser and the provider, not through this server.",
    ja: "音声は、このサーバーを通らずに、ブラウザーとプロバイダーの間で直接送受信されます。",
  },
  "direct.home": { en: "(main page)", ja: "（メインページ）" },
  "direct.sign_in.text": {
    en: "To use this page, please sign in on the main page. You will come back here.",
    ja: "このページを使うには、メインページでログインしてください。ログインするとここに戻ります。",
  },
  "direct.sign_in.go": { en: "Go to sign-in", ja: "ログイン画面へ" },

  "direct.link": { en: "Connection", ja: "接続" },
  "direct.link.disconnected": { en: "Disconnected", ja: "未接続" },
  "direct.link.connecting": { en: "Connecting…", ja: "接続中…" },
  "direct.link.reconnecting": {
    en: "Connecting again… (attempt {attempt})",
    ja: "再接続中…（{attempt}回目）",
  },
  "direct.link.connected": { en: "Connected", ja: "接続済み" },
  "direct.link.error": { en: "Error", ja: "エラー" },

  "direct.connect": { en: "Connect", ja: "接続" },
  "direct.disconnect": { en: "Disconnect", ja: "切断" },
  "direct.record": { en: "Start Recording", ja: "録音を開始" },
  "direct.stop_recording": { en: "Stop Recording", ja: "録音を停止" },
  "direct.recording": { en: "Recording: please speak.", ja: "録音中です。お話しください。" },
  "direct.not_recording": { en: "Recording has stopped.", ja: "録音を停止しました。" },
  "direct.level": { en: "Microphone level", ja: "マイクの音量" },

  "direct.settings": { en: "For the next connection", ja: "次の接続の設定" },
  "direct.voice": { en: "Voice", ja: "声" },
  "direct.model": { en: "Model", ja: "モデル" },
  "direct.transport": { en: "Transport", ja: "通信方式" },
  "direct.transport.websocket": {
    en: "WebSocket: recorded by this page",
    ja: "WebSocket（このページが記録）",
  },
  "direct.transport.webrtc": {
    en: "WebRTC: recorded by the server",
    ja: "WebRTC（サーバーが記録）",
  },
  "direct.provider": { en: "Provider", ja: "プロバイダー" },

  "direct.steps": { en: "How to use it", ja: "使い方" },
  "direct.steps.1": {
    en: "Press “Connect” and wait for “Connected”.",
    ja: "「接続」を押して、「接続済み」になるのを待ちます。",
  },
  "direct.steps.2": {
    en: "Press “Start Recording”, allow the microphone, and speak. Speaking also interrupts an answer.",
    ja: "「録音を開始」を押してマイクを許可し、話します。応答の途中で話すと、応答は止まります。",
  },
  "direct.steps.3": {
    en: "Press “Stop Recording” when you have finished, and “Disconnect” at the end.",
    ja: "話し終えたら「録音を停止」を、終了するときは「切断」を押します。",
  },

  "direct.talk": { en: "Conversation", ja: "会話" },
  "direct.empty": {
    en: "What you and the model say appears here.",
    ja: "会話の内容がここに表示されます。",
  },
  "direct.tools": { en: "Tools that the model called", ja: "モデルが呼び出したツール" },
  "direct.open_session": {
    en: "Open this conversation on the main page",
    ja: "この会話をメインページで開く",
  },
  "direct.new": { en: "Start a new conversation", ja: "新しい会話を始める" },
  "direct.kept": {
    en: "This page sends a copy of the conversation to the server, which cannot verify it.",
    ja: "会話の内容は、このページからサーバーに送信して保存します。サーバーでは内容を検証できません。",
  },
  "direct.kept.webrtc": {
    en: "Over WebRTC, the server records the conversation itself.",
    ja: "WebRTC での会話は、サーバーが記録します。",
  },
  "direct.kept.waiting": {
    en: "The last turns are not stored yet. They are sent again by themselves.",
    ja: "直近の会話はまだ保存されていません。自動で送信し直します。",
  },
  "direct.kept.incomplete": {
    en: "The server could not store the whole conversation.",
    ja: "会話の一部をサーバーに保存できませんでした。",
  },
  "direct.kept.refused": {
    en: "The server does not store this conversation any more.",
    ja: "この会話は、これ以上サーバーに保存されません。",
  },

  "direct.error.off": {
    en: "Direct sessions are off on this server. An administrator can turn them on with DIRECT_SESSIONS=on.",
    ja: "このサーバーでは直接接続が無効です。管理者が DIRECT_SESSIONS=on を設定すると使えます。",
  },
  "direct.error.refused": {
    en: "You cannot open direct sessions here. {why}",
    ja: "直接接続を利用できません。{why}",
  },
  "direct.error.no_key": {
    en: "This server has no API key for the provider. An administrator can set one, such as OPENAI_API_KEY.",
    ja: "このサーバーにはプロバイダーの API キーがありません。管理者が OPENAI_API_KEY などを設定すると使えます。",
  },
  "direct.error.choice": {
    en: "This provider, model or voice is not available. Please choose another one. {why}",
    ja: "このプロバイダー、モデル、または声は使えません。別のものを選んでください。{why}",
  },
  "direct.error.limit": {
    en: "There were too many attempts. Please wait a little, then connect again. {why}",
    ja: "試行回数が多すぎます。少し待ってから、もう一度接続してください。{why}",
  },
  "direct.error.not_now": {
    en: "You cannot connect right now. {why}",
    ja: "今は接続できません。{why}",
  },
  "direct.error.connect": {
    en: "Cannot connect. Please check your network, then try again. {why}",
    ja: "接続できません。ネットワークを確認して、もう一度お試しください。{why}",
  },
  "direct.error.lost": {
    en: "The connection is lost, and three attempts did not bring it back. Please connect again. {why}",
    ja: "接続が切れました。再接続を3回試みましたが、つながりませんでした。もう一度接続してください。{why}",
  },
  "direct.error.ended": {
    en: "There is no connection any more: {why}.",
    ja: "接続が終了しました：{why}。",
  },
  "direct.error.provider": {
    en: "The provider refused the session. {why}",
    ja: "プロバイダーに接続を拒否されました。{why}",
  },
  "direct.error.answer": {
    en: "The answer failed. Please say it once more. {why}",
    ja: "応答に失敗しました。もう一度お話しください。{why}",
  },
  "direct.error.no_answer": {
    en: "No answer came. Please say it again.",
    ja: "応答がありませんでした。もう一度お話しください。",
  },
  "direct.error.page": {
    en: "Something in the page went wrong. Please reload the page.",
    ja: "ページで問題が起きました。ページを再読み込みしてください。",
  },
  "direct.error.microphone_denied": {
    en: "The microphone is blocked. {why}",
    ja: "マイクの使用が許可されていません。{why}",
  },
  "direct.error.recording": { en: "Recording failed: {why}", ja: "録音できませんでした：{why}" },
  "direct.error.sound_blocked": {
    en: "The browser plays no sound, and you are not heard. Click anywhere on the page.",
    ja: "ブラウザーから音が出ず、声も届いていません。ページのどこかをクリックしてください。",
  },
});
