"""The customer's lines and what the person may say to them, in English and Japanese.

The customer runs the order desk of a food wholesaler: orders come by telephone and fax and are
typed by hand. The lines follow the questions of a good sales conversation (situation, problem,
implication, need-payoff; then the price, then the next step). Japanese lines carry their kana
reading, since espeak-ng reads a kanji as "Chinese letter".
"""

from dataclasses import dataclass

from backend.simulator.effects import Language


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence as it is read and as it is spoken."""

    caption: str
    reading: str


def _en(*captions: str) -> tuple[Spoken, ...]:
    return tuple(Spoken(caption, caption) for caption in captions)


def _ja(*pairs: tuple[str, str]) -> tuple[Spoken, ...]:
    return tuple(Spoken(caption, reading) for caption, reading in pairs)


PHRASES: dict[Language, tuple[Spoken, ...]] = {
    "en": _en(
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
    ),
    "ja": _ja(
        (
            "こんにちは。本日はお時間をいただきありがとうございます。",
            "こんにちわ。 ほんじつわ おじかんを いただき ありがとう ございます。",
        ),
        (
            "今はどのように注文を受けていますか。",
            "いまわ どのように ちゅうもんを うけて いますか。",
        ),
        ("受注は何人で担当していますか。", "じゅちゅうわ なんにんで たんとう して いますか。"),
        ("一番お困りのことは何ですか。", "いちばん おこまりの ことわ なんですか。"),
        ("間違いがあるとどうなりますか。", "まちがいが あると どう なりますか。"),
        ("その損失は毎月いくらぐらいですか。", "その そんしつわ まいつき いくらぐらい ですか。"),
        (
            "入力がなくなれば、どう変わりますか。",
            "にゅうりょくが なくなれば、 どう かわりますか。",
        ),
        ("費用は月に五万円です。", "ひようわ つきに ごまんえん です。"),
        ("ほかにどなたが決定に関わりますか。", "ほかに どなたが けっていに かかわりますか。"),
        (
            "来週、無料でお試しになりませんか。",
            "らいしゅう、 むりょうで おためしに なりませんか。",
        ),
    ),
}
"""What the ears know by heart; the page suggests these sentences."""


KEYWORDS: dict[Language, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "en": (
        ("repeat", ("repeat", "say that again", "say it again", "pardon", "didn't catch")),
        ("farewell", ("goodbye", "bye", "have a nice day", "talk soon", "that is all")),
        ("trial", ("trial", "pilot", "next step", "sign", "contract", "start with", "proceed")),
        ("meeting", ("meet", "appointment", "calendar", "schedule", "next week", "visit you")),
        ("decision", ("who else", "decide", "decision", "approve", "your boss", "sign off")),
        ("price", ("dollar", "euro", "price", "discount", "a month", "per month", "budget")),
        ("loss", ("cost you", "costs you", "how much do you lose", "lose", "loss", "expensive")),
        ("payoff", ("help if", "would it help", "what if", "imagine", "benefit", "would change")),
        (
            "implication",
            ("mistake", "what happens", "affect", "effect", "consequence", "impact", "lead to"),
        ),
        (
            "problem",
            ("difficult", "problem", "trouble", "challenge", "pain", "worry", "hard", "bother"),
        ),
        ("team", ("how many", "people", "team", "staff", "colleagues")),
        (
            "situation",
            ("how do you", "orders", "at the moment", "currently", "today you", "process", "use"),
        ),
        ("product", ("our product", "our system", "our service", "software", "we offer", "we can")),
        ("rival", ("competitor", "other vendor", "alternative", "compare", "other offers")),
        ("self", ("your name", "who are you", "about yourself", "your company", "are you a robot")),
        ("greeting", ("hello", "good morning", "good afternoon", "hi ", "nice to meet")),
        ("thanks", ("thank", "great", "perfect", "understood", "i see")),
    ),
    "ja": (
        ("repeat", ("もう一度", "もういちど", "聞こえません", "聞き取れ", "繰り返")),
        ("farewell", ("さようなら", "失礼します", "失礼いたします", "また今度", "以上です")),
        ("trial", ("試し", "試用", "トライアル", "導入", "契約", "始めません", "次のステップ")),
        ("meeting", ("お会い", "訪問", "伺", "日程", "打ち合わせ", "面談")),
        ("decision", ("どなた", "決定", "決裁", "決め", "承認", "上司", "社長")),
        ("price", ("円", "費用", "価格", "値段", "料金", "割引", "予算")),
        ("loss", ("損失", "いくら", "コスト", "損")),
        ("payoff", ("なくなれば", "変わり", "もし", "できたら", "助かり", "効果", "メリット")),
        ("implication", ("間違い", "ミス", "どうなり", "影響", "そうすると", "結果")),
        ("problem", ("困", "課題", "問題", "大変", "悩み", "難し", "不満")),
        ("team", ("何人", "人数", "担当", "チーム", "体制")),
        ("situation", ("注文", "受注", "現在", "今は", "どのように", "流れ", "システム")),
        ("product", ("弊社", "当社", "サービス", "製品", "ご提案", "機能")),
        ("rival", ("他社", "競合", "比較", "相見積")),
        ("self", ("お名前", "あなたは", "自己紹介", "御社", "ロボット")),
        ("greeting", ("こんにちは", "おはよう", "こんばんは", "はじめまして", "お世話に")),
        ("thanks", ("ありがとう", "なるほど", "承知", "わかりました", "そうですか")),
    ),
}
"""Intent by keyword. The intent with the most letters matched wins; the earlier of two that tie."""


LINES: dict[Language, dict[str, tuple[Spoken, ...]]] = {
    "en": {
        "greeting": _en(
            "Hello, this is Dana Whitfield from Harbour Foods. I have about ten minutes, so what "
            "would you like to know?",
            "Hi again. Go ahead, I am listening.",
        ),
        "situation": _en(
            "Orders reach us by telephone and fax. We write them down and type them into a "
            "spreadsheet, about two hundred a day.",
            "The restaurants call between six and nine in the morning. Everything has to be typed "
            "before the trucks leave at ten.",
            "We did look at a web shop once, but our customers like to call. Most have been with "
            "us "
            "for twenty years.",
        ),
        "team": _en(
            "There are four of us on the order desk, and two of them retire next spring.",
            "On Mondays the warehouse lends us one more person, because four are not enough.",
        ),
        "problem": _en(
            "Honestly, the handwriting. We misread a quantity two or three times a week, and "
            "nobody "
            "notices until the delivery.",
            "The mornings are the hardest part. When two lines ring at once, somebody hangs up and "
            "orders elsewhere.",
            "New people need three months until they know all the customers' short names.",
        ),
        "implication": _en(
            "Then a driver goes out twice, and the restaurant has no fish at lunch. Last month one "
            "of them left us for good.",
            "My team stays late to sort it out. I see them getting tired, and tired people make "
            "more "
            "mistakes.",
            "If two of us retire and nothing changes, I do not know how we get through the summer.",
        ),
        "loss": _en(
            "I never added it up. The second deliveries alone must be around three thousand a "
            "month.",
            "The customer that left was worth forty thousand a year. That still hurts.",
        ),
        "payoff": _en(
            "If nobody had to type, the trucks could leave half an hour earlier. My team could "
            "talk "
            "to customers instead.",
            "Fewer mistakes would mean that I sleep better. And I would not have to replace both "
            "people in spring.",
            "I could finally look at which products sell. Today I find that out at the end of the "
            "month.",
        ),
        "price": _en(
            "Hmm, that is more than I expected. What would I save with it in the first year?",
            "For that money I could hire somebody for the mornings. Why is yours the better "
            "choice?",
            "All right, seen against the second deliveries it is not much. My director will want "
            "to "
            "see those numbers on one page.",
        ),
        "price_early": _en(
            "Before we talk about money, I would like to be sure that you understand how we work.",
        ),
        "product": _en(
            "That sounds interesting, but would it work with customers who only ever telephone?",
            "And who moves our price list into it? I do not want another project that never ends.",
        ),
        "rival": _en(
            "Yes, I have another offer on my desk. It is cheaper, but they never asked how our "
            "mornings look.",
        ),
        "decision": _en(
            "The director signs anything above five thousand a year, and he listens to our head of "
            "delivery.",
            "I can decide on a trial by myself. For a contract I need the director.",
        ),
        "trial": _en(
            "A trial sounds reasonable. Let us take the Tuesday team, and compare the mistakes "
            "after "
            "two weeks.",
            "Agreed. Send me the details today, and I will talk to the director tomorrow.",
        ),
        "trial_early": _en(
            "That is a little quick for me. You have not heard yet what our mornings are like.",
        ),
        "meeting": _en(
            "Wednesday after eleven would suit me. Before that, the telephones do not stop.",
            "Good, and bring somebody who can show it with our own price list.",
        ),
        "self": _en(
            "I am Dana Whitfield, and I have run the order desk of Harbour Foods for nine years. "
            "We "
            "supply about three hundred restaurants.",
            "Just a customer on the telephone, I am afraid. A scripted one, but I do have "
            "opinions.",
        ),
        "thanks": _en(
            "You are welcome. What else would you like to know?",
            "Good. I like it when somebody listens before they offer me something.",
        ),
        "farewell": _en(
            "Thank you for the talk, it was useful. Send me a short summary, please. Goodbye!",
            "Goodbye, and have a good day!",
        ),
        "silence": _en(
            "Are you still there?",
            "Take your time. I will have a coffee in the meantime.",
            "I think the line went quiet. Ask me about our orders, if you like.",
        ),
        "unclear": _en(
            "Sorry, I could not make that out.",
            "The line is a little bad, I missed that.",
            "I am afraid I did not catch that one.",
            "It is loud here in the office, I did not get that.",
        ),
        "unclear_end": _en("Could you put it another way?"),
        "repeat": _en("I said:"),
        "again": _en(
            "As I told you, it is the typing and the mornings that worry me most. What would you "
            "suggest?",
            "We have talked about that already, I think. How do we go on from here?",
            "Let me think about it. What would be a small first step?",
        ),
    },
    "ja": {
        "greeting": _ja(
            (
                "はい、北浜フーズの高橋です。十分ほどでしたら大丈夫です。どんなお話でしょうか。",
                "はい、 きたはまフーズの たかはしです。 じゅっぷんほど でしたら だいじょうぶです。 "
                "どんな おはなし でしょうか。",
            ),
            (
                "改めてこんにちは。どうぞ、伺います。",
                "あらためて こんにちわ。 どうぞ、 うかがいます。",
            ),
        ),
        "situation": _ja(
            (
                "注文は電話とファックスで来ます。それを一日二百件ほど、手で表に入力しています。",
                "ちゅうもんわ でんわと ファックスで きます。 それを いちにち にひゃっけんほど、 "
                "てで ひょうに にゅうりょく して います。",
            ),
            (
                "朝六時から九時に電話が集中します。十時にトラックが出るので、"
                "それまでに全部入力します。",
                "あさ ろくじから くじに でんわが しゅうちゅう します。 じゅうじに トラックが "
                "でるので、 "
                "それまでに ぜんぶ にゅうりょく します。",
            ),
            (
                "以前、ネット注文も考えました。でも、お客様は電話がお好きなんです。",
                "いぜん、 ネットちゅうもんも かんがえました。 でも、 おきゃくさまわ でんわが "
                "おすきなんです。",
            ),
        ),
        "team": _ja(
            (
                "受注係は四人です。そのうち二人は来年の春に定年です。",
                "じゅちゅうがかりわ よにんです。 そのうち ふたりわ らいねんの はるに "
                "ていねんです。",
            ),
            (
                "月曜は四人では足りなくて、倉庫から一人借りています。",
                "げつようわ よにんでわ たりなくて、 そうこから ひとり かりて います。",
            ),
        ),
        "problem": _ja(
            (
                "正直、手書きの文字ですね。週に二、三回は数量を読み間違えて、"
                "配達まで気づきません。",
                "しょうじき、 てがきの もじですね。 しゅうに に、さんかいわ すうりょうを "
                "よみまちがえて、 "
                "はいたつまで きづきません。",
            ),
            (
                "朝が一番大変です。電話が重なると、あきらめて他の店に頼むお客様もいます。",
                "あさが いちばん たいへんです。 でんわが かさなると、 あきらめて ほかの みせに "
                "たのむ "
                "おきゃくさまも います。",
            ),
            (
                "新人が慣れるまでに三か月かかります。お客様の略称が多すぎるんです。",
                "しんじんが なれるまでに さんかげつ かかります。 おきゃくさまの りゃくしょうが "
                "おおすぎるんです。",
            ),
        ),
        "implication": _ja(
            (
                "配達が二度手間になりますし、お店は昼に魚がありません。先月は一軒、"
                "取引が終わりました。",
                "はいたつが にどでまに なりますし、 おみせわ ひるに さかなが ありません。 "
                "せんげつわ いっけん、 とりひきが おわりました。",
            ),
            (
                "みんな残業して直しています。疲れると、また間違えるんです。",
                "みんな ざんぎょうして なおして います。 つかれると、 また まちがえるんです。",
            ),
            (
                "春に二人辞めてこのままだと、夏を越せるか分かりません。",
                "はるに ふたり やめて このままだと、 なつを こせるか わかりません。",
            ),
        ),
        "loss": _ja(
            (
                "きちんと計算したことはありませんが、再配達だけで月に三十万円ほどだと思います。",
                "きちんと けいさん した ことわ ありませんが、 さいはいたつだけで つきに "
                "さんじゅうまんえんほどだと おもいます。",
            ),
            (
                "去っていったお客様は、年に四百万円の取引でした。今でも痛いです。",
                "さって いった おきゃくさまわ、 ねんに よんひゃくまんえんの とりひきでした。 "
                "いまでも いたいです。",
            ),
        ),
        "payoff": _ja(
            (
                "入力がなければ、トラックが三十分早く出られます。その分、"
                "お客様とゆっくり話せますね。",
                "にゅうりょくが なければ、 トラックが さんじゅっぷん はやく でられます。 "
                "そのぶん、 "
                "おきゃくさまと ゆっくり はなせますね。",
            ),
            (
                "間違いが減れば、夜よく眠れます。春に二人とも採用しなくて済むかもしれません。",
                "まちがいが へれば、 よる よく ねむれます。 はるに ふたりとも さいよう しなくて "
                "すむかも "
                "しれません。",
            ),
            (
                "何が売れているか、毎日見られるようになりますね。今は月末まで分かりません。",
                "なにが うれて いるか、 まいにち みられるように なりますね。 いまわ げつまつまで "
                "わかりません。",
            ),
        ),
        "price": _ja(
            (
                "うーん、思ったより高いですね。最初の一年でどれだけ節約できますか。",
                "うーん、 おもったより たかいですね。 さいしょの いちねんで どれだけ せつやく "
                "できますか。",
            ),
            (
                "その金額なら、朝だけ人を雇えます。御社のほうがいい理由は何でしょう。",
                "その きんがくなら、 あさだけ ひとを やとえます。 おんしゃの ほうが いい りゆうわ "
                "なんでしょう。",
            ),
            (
                "再配達の費用と比べれば、確かに高くありません。"
                "社長に見せる資料を一枚いただけますか。",
                "さいはいたつの ひようと くらべれば、 たしかに たかく ありません。 しゃちょうに "
                "みせる "
                "しりょうを いちまい いただけますか。",
            ),
        ),
        "price_early": _ja(
            (
                "お金の話の前に、まず私たちの仕事を知っていただきたいです。",
                "おかねの はなしの まえに、 まず わたしたちの しごとを しって いただきたいです。",
            ),
        ),
        "product": _ja(
            (
                "面白そうですね。でも、電話しか使わないお客様でも大丈夫ですか。",
                "おもしろそうですね。 でも、 でんわしか つかわない おきゃくさまでも "
                "だいじょうぶですか。",
            ),
            (
                "価格表は誰が移すんでしょう。終わらない作業が増えるのは困ります。",
                "かかくひょうわ だれが うつすんでしょう。 おわらない さぎょうが ふえるのわ "
                "こまります。",
            ),
        ),
        "rival": _ja(
            (
                "ええ、他社の見積もりもあります。安いのですが、"
                "朝の様子は一度も聞かれませんでした。",
                "ええ、 たしゃの みつもりも あります。 やすいのですが、 あさの ようすわ いちども "
                "きかれませんでした。",
            ),
        ),
        "decision": _ja(
            (
                "年に五十万円を超えるものは社長が決めます。社長は配送部長の意見をよく聞きます。",
                "ねんに ごじゅうまんえんを こえる ものわ しゃちょうが きめます。 しゃちょうわ "
                "はいそうぶちょうの いけんを よく ききます。",
            ),
            (
                "試用までなら私が決められます。契約は社長の承認が必要です。",
                "しようまでなら わたしが きめられます。 けいやくわ しゃちょうの しょうにんが "
                "ひつようです。",
            ),
        ),
        "trial": _ja(
            (
                "お試しならいいですね。火曜の担当で始めて、二週間後に間違いの数を比べましょう。",
                "おためしなら いいですね。 かようの たんとうで はじめて、 にしゅうかんごに "
                "まちがいの "
                "かずを くらべましょう。",
            ),
            (
                "分かりました。今日中に資料をください。明日、社長に話します。",
                "わかりました。 きょうじゅうに しりょうを ください。 あした、 しゃちょうに "
                "はなします。",
            ),
        ),
        "trial_early": _ja(
            (
                "少し早いですね。朝の様子も、まだお聞きになっていませんよね。",
                "すこし はやいですね。 あさの ようすも、 まだ おききに なって いませんよね。",
            ),
        ),
        "meeting": _ja(
            (
                "水曜の十一時以降なら大丈夫です。それまでは電話が鳴りやみません。",
                "すいようの じゅういちじ いこうなら だいじょうぶです。 それまでわ でんわが "
                "なりやみません。",
            ),
            (
                "いいですね。うちの価格表で見せてくださる方も一緒にお願いします。",
                "いいですね。 うちの かかくひょうで みせて くださる かたも いっしょに おねがい "
                "します。",
            ),
        ),
        "self": _ja(
            (
                "業務部長の高橋です。受注係を九年見ています。三百軒ほどの飲食店に卸しています。",
                "ぎょうむぶちょうの たかはしです。 じゅちゅうがかりを くねん みて います。 "
                "さんびゃっけんほどの いんしょくてんに おろして います。",
            ),
            (
                "ただの電話の客ですよ。台本どおりですが、意見はあります。",
                "ただの でんわの きゃくですよ。 だいほんどおりですが、 いけんわ あります。",
            ),
        ),
        "thanks": _ja(
            (
                "いえいえ。ほかに聞きたいことはありますか。",
                "いえいえ。 ほかに ききたい ことわ ありますか。",
            ),
            (
                "売り込む前に話を聞いてくれる方は、いいですね。",
                "うりこむ まえに はなしを きいて くれる かたわ、 いいですね。",
            ),
        ),
        "farewell": _ja(
            (
                "今日は参考になりました。短いまとめを送ってください。失礼します。",
                "きょうわ さんこうに なりました。 みじかい まとめを おくって ください。 しつれい "
                "します。",
            ),
            ("それでは、よい一日を。", "それでわ、 よい いちにちを。"),
        ),
        "silence": _ja(
            ("もしもし、聞こえていますか。", "もしもし、 きこえて いますか。"),
            (
                "ゆっくりで結構です。その間にコーヒーを飲みます。",
                "ゆっくりで けっこうです。 そのあいだに コーヒーを のみます。",
            ),
            (
                "静かになりましたね。よければ、注文のことを聞いてください。",
                "しずかに なりましたね。 よければ、 ちゅうもんの ことを きいて ください。",
            ),
        ),
        "unclear": _ja(
            ("すみません、よく聞き取れませんでした。", "すみません、 よく ききとれませんでした。"),
            ("電話が少し遠いようです。", "でんわが すこし とおいようです。"),
            (
                "ごめんなさい、今のところが分かりませんでした。",
                "ごめんなさい、 いまの ところが わかりませんでした。",
            ),
            (
                "事務所が騒がしくて、聞き逃しました。",
                "じむしょが さわがしくて、 ききのがしました。",
            ),
        ),
        "unclear_end": _ja(
            ("別の言い方でお願いできますか。", "べつの いいかたで おねがい できますか。"),
        ),
        "repeat": _ja(("もう一度申します。", "もういちど もうします。")),
        "again": _ja(
            (
                "先ほども言いましたが、入力と朝の忙しさが一番の心配です。どうしたらいいでしょう。",
                "さきほども いいましたが、 にゅうりょくと あさの いそがしさが いちばんの "
                "しんぱいです。 "
                "どうしたら いいでしょう。",
            ),
            (
                "それはもうお話ししましたね。これからどう進めましょうか。",
                "それわ もう おはなし しましたね。 これから どう すすめましょうか。",
            ),
            (
                "少し考えさせてください。小さな第一歩は何でしょうか。",
                "すこし かんがえさせて ください。 ちいさな だいいっぽわ なんでしょうか。",
            ),
        ),
    },
}
"""By intent, in the order in which they are said."""

STORY = ("situation", "problem", "implication", "payoff")
"""Where the customer goes on by itself when the person said something else."""

UNDERSTANDING_NEEDED = {"price": "price_early", "trial": "trial_early"}
"""Intents that come too early before the customer told anything of its problems."""
