"""PURE: the customer in English: the keywords of the user's intents, and the customer's lines.

espeak-ng reads these texts aloud, so they have no digits and no abbreviations.
"""

from typing import Final

from backend.simulator.engine.effects import Sentence


def _lines(*captions: str) -> tuple[Sentence, ...]:
    return tuple(Sentence(caption, caption) for caption in captions)


PHRASES: Final = _lines(
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
)

# ── The user's intents: keywords joined by ", "; `intents` has the rules ──────────────────────────

WHOLE_UTTERANCES: Final = {
    "repeat": "sorry, i'm sorry, what, huh, excuse me, again, again please",
    "yes": "yes, yes please, yeah, yep, yes i am, yes it is, yes it does, it does, absolutely",
    "no": "no, nope, not really, no thanks, no thank you, i'm afraid not, never",
    "more": "and, and then, so, like what, such as, namely, more please",
    "acknowledgement": "right, sure, nice, good, cool, of course, fine, true, exactly, hm, mhm",
}
"""User texts that must match as a whole."""

_ASKED_ABOUT: Final = {
    "repeat": "repeat, repeat that, say that again, say it again, pardon, pardon me, come again, "
    "i beg your pardon, didn't catch, did not catch, didn't hear, couldn't hear, can't hear you, "
    "what did you say, one more time",
    "farewell": "goodbye, good bye, bye, bye bye, have a nice day, have a good day, "
    "have a great day, have a nice evening, have a nice weekend, talk soon, talk to you soon, "
    "speak soon, that is all, that's all, that's it for today, see you, see you soon, "
    "see you then, see you tomorrow, see you on wednesday, see you next week, take care, "
    "until then, until next week",
    "trial": "trial, trials, pilot, next step, next steps, sign, sign up, signing, contract, "
    "contracts, start with, start on, get started, can we start, could we start, shall we start, "
    "when do we start, like to start, ready to start, begin with, proceed, try it, try it out, "
    "try this, try our, test it, test our, give it a try",
    "meeting": "meet, meeting, meetings, appointment, calendar, schedule, visit you, come by, "
    "drop by, come over, come and see, see you in person, follow up, call you back, "
    "call you again, demo, demonstration, show you",
    "papers": "send you, email, e-mail, mail you, your address, in writing, written offer, "
    "brochure, summary, write it down, put it on paper",
    "decision": "who else, who is involved, who decides, how do you decide, how you decide, "
    "decide, decides, decided, deciding, decision, decisions, decision maker, approve, approves, "
    "approval, your boss, your director, sign off, signs the contract, sign the contract, "
    "who signs, final say, final word",
    "budget": "budget, budgets, afford, willing to spend, want to spend, can you spend, "
    "could you spend, willing to pay",
    "price": "dollar, dollars, euro, euros, pound, pounds, a month, per month, per year, "
    "it costs, it would cost, it only costs",
    "price_talk": "price, prices, pricing, discount, discounts, license, our fee, monthly fee, "
    "talk about money, what it costs",
    "savings": "save, saves, saved, saving, savings, you save, you would save, you'd save, "
    "you will save, you'll save, you can save, saves you, save you, pay for itself, "
    "pays for itself, paid for itself, return on investment, break even",
    "loss": "cost you, costs you, costing you, mistake cost, mistakes cost, "
    "mistake like that cost, lose, loses, losing, lost, lose orders, lose customers, "
    "losing orders, losing customers, lost orders, lost customers, loss, losses, "
    "how much do you lose, how much do you spend, how much money, in money",
    "payoff": "help if, would it help, would that help, would help, what if, imagine, benefit, "
    "benefits, would change, would you change, like to change, would it mean, would that mean, "
    "would you do with, would be different, in a perfect world, magic wand, wish for, "
    "like to improve, fix one thing, could fix, could change, your goal, your goals",
    "implication": "mistake, mistakes, error, errors, affect, affects, affected, effect, effects, "
    "consequence, consequences, impact, lead to, leads to, go wrong, goes wrong, went wrong, "
    "wrong order, wrong orders, complain, complaint, complaints, customers say, customers think",
    "problem": "how often, difficult, difficulty, difficulties, most difficult, problem, "
    "problems, trouble, troubles, challenge, challenges, challenging, pain, pain point, "
    "pain points, worry, worries, worried, hard, harder, hardest, bother, bothers, stress, "
    "stressful, annoys, annoying, frustrating, struggle, struggles, struggling, worst, "
    "keeps you awake, keeps you up, issue, issues, biggest issue",
    "volume": "how many orders, how many calls, how many faxes, how many is that, "
    "how many do you get, orders a day, orders per day, per day, a day, volume",
    "time": "how much time, how many hours, time do you spend, time consuming",
    "tools": "what software, which software, what system, which system, what systems, what tools, "
    "which tools, do you use, are you using, you use today, you use now, currently use, "
    "currently using, spreadsheet, excel, crm, erp, fax machine, fax machines",
    "tried": "have you tried, did you try, you tried, tried anything, web shop, online shop, "
    "order online, ordering online, why not online",
    "team": "how many people, how many employees, how many are you, how many of you, "
    "how big is your team, your people, team, staff, colleague, colleagues, employees, who works, "
    "who types, who takes, who does that, who handles",
    "rival": "competitor, competitors, competition, other vendor, other vendors, other provider, "
    "other providers, other companies, another company, alternative, alternatives, compare, "
    "comparing, other offer, other offers, another offer, talking to anyone else, "
    "looking at anyone else, did they offer, do they offer",
    "robot": "robot, are you a robot, are you real, are you human, are you a human, "
    "are you a person, are you a real person, are you a bot, are you an ai",
    "company": "your company, your business, harbour foods, what do you sell, what do you do, "
    "what does your company do, who are your customers, what kind of customers, "
    "where are you located, where are you based",
    "self": "your name, who are you, who am i speaking to, who am i talking to, about yourself, "
    "your role, your job, your position, how long have you been, how long have you worked",
    "questions": "questions for me, any questions, any other questions, a question for me, "
    "anything you would like to know, anything you'd like to know, "
    "anything else you would like to know, anything else you'd like to know, anything unclear",
    "opinion": "what do you think, what are your thoughts, how does that sound, "
    "how does this sound, does that sound good, sound good to you, does that make sense, "
    "does this make sense, would that work for you, are you interested, would you be interested, "
    "do you like it, convince you, would it take",
    "product": "our product, our products, our system, our service, our software, our tool, "
    "our solution, our program, our app, i suggest, i would suggest, i would recommend",
    "situation": "how do you handle, how do you work, how do you take, how do you process, "
    "how do you manage, take orders, take your orders, order desk, how does it work today, "
    "walk me through, typical day, typical morning, your day, workflow, how are orders, "
    "how do orders, how do the orders, about your orders",
}

_MENTIONED: Final = {
    "implication": "what happens, what happened",
    "trial": "tuesday, agreed, deal",
    "meeting": "next week, monday, wednesday, thursday, friday, tomorrow",
    "price_talk": "expensive, price tag",
    "time": "how long",
    "team": "how many, people",
    "company": "your customers",
    "product": "we offer, we can, we could, we help, we would, we make, we have a, we sell, "
    "we handle, i can offer, our company, our customers, the software, the system, automatic, "
    "automatically, automate, automates",
    "situation": "handle, at the moment, currently, these days, process, order, orders, ordering, "
    "morning, mornings, fax, faxes",
}
"""Counts only if no keyword of `_ASKED_ABOUT` matches: "we can meet" is about the meeting."""

_SMALL_TALK: Final = {
    "greeting": "hello, hi, hey, hiya, good morning, good afternoon, good evening, greetings, "
    "thank you for taking the time, thanks for taking the time",
    "introduction": "my name is, i'm calling from, i am calling from, i'm calling about, "
    "i am calling about, calling because, i work for, i'm from, i am from, nice to meet you, "
    "pleased to meet you, good to meet you",
    "permission": "may i ask, can i ask, could i ask, may i ask you a question, "
    "can i ask you a question, can i ask you something, a few questions, some questions, "
    "do you have a minute, do you have a moment, do you have time, have you got a minute, "
    "got a minute, is this a good time, is now a good time, a good time to talk, am i disturbing",
    "well_being": "how are you, how are you doing, how are you today, how is it going, "
    "how's it going, how are things, how is your day, how's your day",
    "joke": "joke, jokes, something funny, make me laugh, a riddle, sing, sing a song, a poem",
    "weather": "weather, rain, raining, rainy, sunny, snow, snowing, forecast, so hot, so cold, "
    "warm today, cold today",
    "leisure": "weekend, hobby, hobbies, free time, spare time, football, soccer, music, movie, "
    "movies, film, films, book, books, cooking, vacation, your family, "
    "your children, your kids",
    "sound_check": "can you hear me, do you hear me, can you understand me, is this working, "
    "does this work, testing, this is a test, just a test, mic check, microphone test",
    "sympathy": "sorry to hear, sorry about that, sounds hard, sounds difficult, "
    "sounds stressful, sounds frustrating, sounds annoying, sounds like a problem, must be hard, "
    "must be difficult, must be stressful, must be frustrating, that's tough, that is tough, "
    "what a pity, that's a pity, oh no",
    "thanks": "thank, thanks, thank you, appreciate",
    "more": "tell me more, more about that, go on, please continue, for example, what else, "
    "anything else, how so, in what way",
    "acknowledgement": "i see, i understand, understood, understand, ok, okay, alright, "
    "all right, got it, great, perfect, wonderful, excellent, interesting, makes sense, "
    "that makes sense, no problem, no worries, not a problem, don't worry, wow, really, "
    "sounds good, great question, good point",
}
"""Counts only if no keyword of the tables above matches."""

KEYWORDS: Final = (_ASKED_ABOUT, _MENTIONED, _SMALL_TALK)

# ── The customer's lines ──────────────────────────────────────────────────────────────────────────

LINES: Final[dict[str, tuple[Sentence, ...]]] = {
    # ── Courtesies ────────────────────────────────────────────────────────────────────────────────
    "greeting": _lines(
        "Hello, this is Dana Whitfield from Harbour Foods. I have about ten minutes, so what would "
        "you like to know?",
        "Hi again. Go ahead, I'm listening.",
        "Yes, hello, I can hear you. What's on your mind?",
    ),
    "introduction": _lines(
        "Good to meet you. So, what is it about?",
        "Right, I've made a note of that. Please go on.",
    ),
    "permission": _lines(
        "Of course, go ahead. The trucks have left, so I have a few minutes.",
        "Sure, ask me anything.",
    ),
    "well_being": _lines(
        "Very well, thank you. All the trucks left on time today, and that doesn't happen often.",
        "Still well, thanks. A little short of sleep, like everybody here.",
    ),
    "sympathy": _lines(
        "That's kind of you. It helps when somebody asks.",
        "Well, we're used to it. But that doesn't make it better.",
    ),
    "thanks": _lines(
        "You're welcome. What else would you like to know?",
        "Not at all. I like it when somebody listens before they offer me something.",
    ),
    "yes": _lines(
        "Good. Then please go on.",
        "Fine, I'm listening.",
    ),
    "no": _lines(
        "Fair enough. What do you have in mind, then?",
        "No? Well, it was worth asking.",
    ),
    "robot": _lines(
        "Just a customer on the telephone, I'm afraid. A scripted one, but I do have opinions.",
        "You've found me out. I follow a script, so please be patient with me.",
    ),
    "joke": _lines(
        "Why did the fax go to the doctor? It had a paper jam. But you wanted to ask about our "
        "orders, didn't you?",
        "My daughter says I'm funniest when I read our orders aloud. Ask me how they arrive.",
    ),
    "weather": _lines(
        "Down at the harbour there's always a wind. The fish don't mind, but the fax paper does. "
        "Shall we talk about our orders?",
        "When it rains the restaurants order more soup, believe it or not. And every order still "
        "has to be typed.",
    ),
    "leisure": _lines(
        "I sail a little, when nobody calls me on a Saturday, which is almost never. So, what can "
        "I tell you about work?",
        "My family says I talk about orders even at dinner. So you may as well ask me about them.",
    ),
    "sound_check": _lines(
        "Loud and clear. You're through to the order desk, so go ahead.",
        "Yes, I can understand every word. What would you like to know?",
    ),
    "farewell": _lines(
        "Thank you for the talk, it was useful. Send me a short summary, please. Goodbye!",
        "Goodbye, and have a good day!",
        "Bye now, take care.",
    ),
    "closing": _lines(
        "Good. I think we have what we need for now.",
        "Then I look forward to hearing from you.",
        "I should get back to my telephones now. Talk to you soon.",
    ),
    # ── Facts ─────────────────────────────────────────────────────────────────────────────────────
    "self": _lines(
        "I'm Dana Whitfield, and I've run the order desk here for nine years. Before that I drove "
        "one of the trucks.",
        "Nine years at the same desk, and I still like it. Except on Mondays.",
    ),
    "company": _lines(
        "We're a food wholesaler down at the harbour. Fish, vegetables and dairy, for about three "
        "hundred restaurants.",
        "It's a family business, forty people in all. Most of them drive, or work in the "
        "warehouse.",
    ),
    "situation": _lines(
        "Orders reach us by telephone and fax. We write them down and type them into a "
        "spreadsheet, about two hundred a day.",
        "The restaurants call between six and nine in the morning. Everything has to be typed "
        "before the trucks leave at ten.",
        "Every kitchen has its own shorthand. They write two crates of the usual, and we have to "
        "know what that means.",
    ),
    "volume": _lines(
        "About two hundred orders a day. On a Friday it's closer to three hundred.",
        "Half of them come by telephone, and the other half by fax.",
    ),
    "time": _lines(
        "All four of us type from six until ten. That's sixteen hours of work, every single day.",
        "Longer than I'd like, to be honest. And before the holidays it gets worse.",
    ),
    "tools": _lines(
        "Just a spreadsheet and two fax machines. One of them is older than my daughter.",
        "There's a bookkeeping program as well, but it doesn't talk to the spreadsheet.",
    ),
    "tried": _lines(
        "We did look at a web shop once, but our customers like to call. Most of them have been "
        "with us for twenty years.",
        "Last year we put more people on the morning shift. It got louder, not better.",
    ),
    "team": _lines(
        "There are four of us on the order desk, and two will retire next spring.",
        "On Mondays the warehouse lends us one more person, because four aren't enough.",
    ),
    "problem": _lines(
        "Honestly, it's the handwriting. We misread a quantity two or three times a week, and "
        "nobody notices until the delivery.",
        "The mornings are hard, too. When two lines ring at once, somebody hangs up and orders "
        "elsewhere.",
        "New people need three months until they know all the customers' short names.",
    ),
    "implication": _lines(
        "When an order is wrong, a driver goes out twice, and the restaurant has no fish at lunch. "
        "Last month one of them left us for good.",
        "My team stays late to sort out the mistakes. And tired people make more of them.",
        "If two of us retire and nothing changes, I don't know how we'll get through the summer.",
    ),
    "loss": _lines(
        "I've never added it up. The second deliveries alone must be around three thousand a "
        "month.",
        "The customer who left was worth forty thousand a year. That still hurts.",
    ),
    "payoff": _lines(
        "If nobody had to type, the trucks could leave half an hour earlier. My team could talk to "
        "customers instead.",
        "Fewer mistakes would mean that I sleep better. And I wouldn't have to replace both people "
        "in spring.",
        "With less typing I could finally look at which products sell. Today I find that out at "
        "the end of the month.",
    ),
    "rival": _lines(
        "Yes, I have another offer on my desk. It's cheaper, but they never asked how our mornings "
        "look.",
        "The other company showed me thirty slides. I'd rather talk about our mornings.",
    ),
    "decision": _lines(
        "The director signs anything above five thousand a year, and he listens to our head of "
        "delivery.",
        "I can decide on a trial by myself. For a contract I need the director.",
    ),
    "budget": _lines(
        "There's no fixed budget for the order desk. Up to five thousand a year I can sign for "
        "myself.",
        "Nobody has planned anything for this year. But if the numbers are right, the director "
        "finds the money.",
    ),
    # ── Answers to an offer ───────────────────────────────────────────────────────────────────────
    "product": _lines(
        "That sounds interesting. But would it work with customers who only ever telephone?",
        "I see. And who moves our price list into it? I don't want another project that never "
        "ends.",
        "And if it breaks down at seven in the morning, what do we do then?",
        "That would take a weight off us. My team will want to see it before they believe it.",
    ),
    "price_talk": _lines(
        "What would it cost us, then? Just roughly, for a month.",
        "If it's fair, I can explain it to the director.",
    ),
    "price_early": _lines(
        "Before we talk about money, I'd like to be sure that you understand how we work.",
    ),
    "price": _lines(
        "Hmm, that's more than I expected. What would I save with it in the first year?",
        "For that money I could hire somebody for the mornings. Why is yours the better choice?",
        "Well, compared with the second deliveries it isn't much. My director will want to see "
        "those numbers on one page.",
    ),
    "savings": _lines(
        "If the second deliveries really stop, that adds up. How do you get to that?",
        "That would be worth a lot to us. I'd still like to see it in a trial first.",
    ),
    "opinion": _lines(
        "It sounds good so far. What worries me is changing over in the busy season.",
        "I like it. But I'd rather try it before I believe it.",
    ),
    "questions": _lines(
        "Yes, one. How long does it take until my people can work with it?",
        "One more. When something goes wrong at six in the morning, who do I call?",
        "That answers it. I have no more questions for today.",
    ),
    "papers": _lines(
        "Yes, please send it to me in writing. One page is best, my director never reads two.",
        "Perfect. The address is on our website, just put my name on it.",
    ),
    "trial_early": _lines(
        "That's a little quick for me. You haven't heard yet what our mornings are like.",
    ),
    "trial": _lines(
        "A trial sounds reasonable. Let's take the Tuesday team, and compare the mistakes after "
        "two weeks.",
        "Agreed. Send me the details today, and I'll talk to the director tomorrow.",
    ),
    "meeting": _lines(
        "Wednesday after eleven would suit me. Before that, the telephones never stop.",
        "Good. And please bring somebody who can show it with our own price list.",
        "It's in my calendar. I look forward to it.",
    ),
    # ── Lead-ins and closings ─────────────────────────────────────────────────────────────────────
    "aside": _lines(
        "All right. Let me add something from our side.",
        "I'll keep that in mind. There's one more thing about our desk.",
        "I see what you mean. What I think about a lot is this.",
        "That's a fair point. Let me tell you what else happens here.",
    ),
    "unknown": _lines(
        "That's hard to say. What I can tell you is this.",
        "Good question, I don't know offhand. But this may help you.",
        "Nobody has asked me that before. What I do know is this.",
    ),
    "told": _lines(
        "That's all I know about it, really. But there's something else.",
        "I've told you what I can about that. Here is another thing.",
    ),
    "again": _lines(
        "As I told you, it's the typing and the mornings that worry me most. What would you "
        "suggest?",
        "I think you know our desk by now. How do we go on from here?",
        "Let me think about it. What would be a small first step?",
    ),
    # ── Silence and speech that was not understood ────────────────────────────────────────────────
    "silence": _lines(
        "Are you still there?",
        "Take your time. I'll have a coffee in the meantime.",
        "I think the line went quiet. Ask me about our orders, if you like.",
    ),
    "unclear": _lines(
        "Sorry, I couldn't make that out.",
        "The line is a little bad, I missed that.",
        "I'm afraid I didn't catch that one.",
        "It's loud here in the office, I didn't get that.",
    ),
    "unclear_end": _lines("Could you put it another way?"),
    "repeat": _lines("I said:"),
}
