/** The composition root of the talk screen: builds and joins what only a signed-in user needs. */

import { ClipRecorder, clipMimeType } from "./audio/clip-recorder.js";
import { listMicrophones, watchMicrophones } from "./audio/microphone.js";
import { SoundOutput } from "./audio/sound-output.js";
import { Speaker } from "./audio/speaker.js";
import { listSpeakers, SpeakerChoice } from "./audio/speaker-choice.js";
import { newItemId } from "./call/item-id.js";
import { transportsOf } from "./call/transport.js";
import { openAudioContext, Voice } from "./call/voice.js";
import { missingForVoice } from "./call/voice-support.js";
import { Dictation } from "./chat/dictation.js";
import { TextChat } from "./chat/text-chat.js";
import { TextClient } from "./chat/text-client.js";
import { SessionAddress } from "./page/address.js";
import { errorText } from "./page/error-text.js";
import { SessionExport } from "./page/export.js";
import { Navigation } from "./page/navigation.js";
import { CHANNEL, OtherTabs } from "./page/other-tabs.js";
import { Replay } from "./page/replay.js";
import { returnPath } from "./page/return-path.js";
import { SessionDeletion } from "./page/session-deletion.js";
import { SessionList } from "./page/session-list.js";
import { SessionSearch } from "./page/session-search.js";
import { SessionSettings } from "./page/session-settings.js";
import { Talk } from "./page/talk.js";
import { Usage } from "./page/usage.js";
import { VoiceMode } from "./page/voice-mode.js";
import { VoiceSample } from "./page/voice-sample.js";
import { RealtimeClient } from "./realtime-client.js";
import { BrowserStorage } from "./storage/browser-storage.js";
import { Drafts } from "./storage/drafts.js";
import { Announcer } from "./views/announcer.js";
import { BudgetLine } from "./views/budget-line.js";
import { CallQualityView } from "./views/call-quality.js";
import { Composer } from "./views/composer.js";
import { closeDialogs, showKeys } from "./views/dialogs.js";
import { DictationView } from "./views/dictation.js";
import { byId } from "./views/elements.js";
import { chooseFormat, saveFile } from "./views/export-dialog.js";
import { FellBackLine } from "./views/fell-back-line.js";
import { HelpCard } from "./views/help-card.js";
import { Keyboard } from "./views/keyboard.js";
import { Presence } from "./views/presence.js";
import { SearchBox } from "./views/search-box.js";
import { SessionSettingsView } from "./views/session-settings.js";
import { Sessions } from "./views/sessions.js";
import { Settings } from "./views/settings.js";
import { Status } from "./views/status.js";
import { Suggestions } from "./views/suggestions.js";
import { Thread } from "./views/thread.js";
import { UndoToast } from "./views/undo-toast.js";
import { UsageView } from "./views/usage.js";
import { VoiceControls } from "./views/voice-controls.js";

/** @import { Api } from "./api.js" */
/** @import { Account } from "./page/account.js" */
/** @import { App, AppParts } from "./page/app.js" */
/** @import { LocalStore } from "./storage/local-store.js" */
/** @import { Drawer } from "./views/drawer.js" */
/** @import { Labels } from "./views/labels.js" */
/** @import { Words } from "./words/i18n.js" */

/**
 * @typedef {{
 *   api: Api, store: LocalStore, words: Words, account: Account, app: App, drawer: Drawer, labels: Labels,
 *   touchScreen: MediaQueryList, signal: AbortSignal,
 * }} SharedParts What the sign-in form needs too. `touchScreen` matches on a phone or a tablet: no keyboard.
 *   The listeners live until `signal`.
 * @typedef {ReturnType<typeof buildTalkScreen>} TalkScreen
 */

/** Build the parts of the talk screen, and begin to listen to the page's events. @param {SharedParts} shared */
export function buildTalkScreen({
  api,
  store,
  words,
  account,
  app,
  drawer,
  labels,
  touchScreen,
  signal,
}) {
  const textClient = new TextClient(api);
  const drafts = new Drafts(new BrowserStorage(() => globalThis.sessionStorage));
  const explain = (/** @type {unknown} */ error) => errorText(words, error);
  const address = new SessionAddress(globalThis.location, globalThis.history);

  // Views: each is given its delegate, and calls it later.
  const announcer = new Announcer(byId("announcer", HTMLDivElement));
  const suggestions = new Suggestions(words, (text) => app.sendSuggestion(text));
  const sessions = new Sessions(words, {
    sessionChosen: (id) => app.choose(id),
    newChosen: () => app.choose(null),
    renamed: (id, title) => list.rename(id, title),
    deleteChosen: (id) => deletion.delete(id),
    exportChosen: (id, title) => sessionExport.start(id, title),
    retryChosen: () => list.load(),
  });
  const undoToast = new UndoToast({
    undoChosen: () => deletion.undo(),
    dismissed: () => deletion.dismiss(),
    attended: (isAttended) => deletion.attended(isAttended),
  });
  const searchBox = new SearchBox({ searchChanged: (text) => sessionSearch.changed(text) });
  const replay = new Replay({
    createContext: () => speakers.use(openAudioContext()),
    createSpeaker: (options) => new Speaker(options),
    createOutput: (options) => new SoundOutput(options),
    volume: () => store.preferences().volume,
    isAllowed: () => !voiceMode.isOn,
    changed: () => talk.replayChanged(),
  });
  const thread = new Thread({
    words,
    announcer,
    replay,
    retryChosen: (itemId) => talk.retry(itemId),
  });
  const status = new Status(words, announcer);
  const budgetLine = new BudgetLine(words);
  const composer = new Composer(words, {
    messageSent: (text) => talk.send(text),
    stopChosen: () => talk.interrupt(),
    textChosen: () => voiceMode.stop(),
    voiceChosen: () => voiceMode.start(),
  });
  const voiceControls = new VoiceControls(words, {
    muteClicked: () => voiceMode.toggleMuted(),
    holdChanged: (isHeld) => voiceMode.setHeld(isHeld),
    stopClicked: () => talk.interrupt(),
    volumeMoved: (volume) => voiceMode.prefer({ volume }),
    endClicked: () => voiceMode.stop(),
  });
  const presence = new Presence(words, () => talk.client?.playedRms ?? 0);
  const dictationView = new DictationView(words, {
    pressed: () => dictation.press(),
    released: () => dictation.release(),
    clicked: () => dictation.click(),
    finishChosen: () => dictation.finish(),
    cancelChosen: () => dictation.cancel(),
    retryChosen: () => dictation.retry(),
  });
  const help = new HelpCard(byId("help", HTMLDivElement), words, (action) => talk.act(action));
  const settings = new Settings(words, {
    changed: (changes) => voiceMode.prefer(changes),
    speakerChosen: ({ deviceId: speakerId, deviceLabel: speakerLabel }) => {
      store.savePreferences({ speakerId, speakerLabel });
      void speakers.refresh();
    },
    transportChosen: (transport) => store.savePreferences({ transport }),
    themeChosen: (theme) => {
      store.savePreferences({ theme });
      // Of theme.js, which has run before.
      /** @type {any} */ (globalThis).chooseTheme(theme);
    },
  });
  const sessionSettingsView = new SessionSettingsView(
    words,
    (changes) => sessionSettings.choose(changes),
    (voice, language) => void voiceSample.toggle(voice, language),
  );
  /** What this browser can use with this server. */
  const transports = () => transportsOf(account.config?.transports, globalThis);
  const usageView = new UsageView(words, () => void usage.openDialog());

  // Controllers.
  const speakers = new SpeakerChoice({
    list: listSpeakers,
    kept: () => {
      const { speakerId, speakerLabel } = store.preferences();
      return { deviceId: speakerId, deviceLabel: speakerLabel };
    },
    labelKnown: (speakerLabel) => store.savePreferences({ speakerLabel }),
    listed: (found) => settings.showSpeakers(found),
    // A card about something that stops the conversation is not replaced.
    lost: () => help.name === null && help.show("speaker_lost"),
    found: () => help.name === "speaker_lost" && help.hide(),
  });
  const voiceMode = new VoiceMode(
    {
      store,
      help,
      settings,
      presence,
      createContext: () => {
        // The microphone would hear it.
        replay.stop();
        return speakers.use(openAudioContext());
      },
      missingForVoice: () => missingForVoice(globalThis),
      listMicrophones,
      speakers,
      userAgent: navigator.userAgent,
    },
    {
      client: () => talk.client,
      clientForCall: () => talk.clientForCall(),
      changed: () => talk.draw(),
      stopped: () => talk.voiceStopped(),
    },
  );
  const dictation = new Dictation({
    words,
    view: dictationView,
    announcer,
    isSupported: clipMimeType() !== "",
    createRecorder: (onStopped) => {
      replay.stop();
      return new ClipRecorder({ onLevel: (rms) => dictationView.addLevel(rms), onStopped });
    },
    microphone: () => store.preferences(),
    sessionNeeded: () => conversation.createSession(),
    transcribe: (sessionId, clip) => api.transcribe(sessionId, clip),
    textArrived: (text) => {
      composer.insert(text);
      announcer.say(words.say("dictation.done"));
      talk.focusMessage();
    },
    now: () => performance.now(),
    every: (ms, tick) => {
      const timer = setInterval(tick, ms);
      return () => clearInterval(timer);
    },
    userAgent: navigator.userAgent,
  });
  const talk = new Talk(
    {
      api,
      words,
      announcer,
      thread,
      status,
      budgetLine,
      fellBackLine: new FellBackLine(words),
      composer,
      voiceControls,
      presence,
      quality: new CallQualityView(words),
      help,
      settings,
      voiceMode,
      dictation,
      createClient: (id, pastTurns) => {
        replay.stop();
        const client = new RealtimeClient(api.token, id, {
          api,
          pastTurns,
          transport: () => {
            const { transport } = store.preferences();
            return transports().includes(transport) ? transport : "relay";
          },
          createElement: () => speakers.use(new Audio()),
          createVoice: (context, events) => new Voice(context, events, store),
        });
        client.onSound = (itemId, contentIndex, pcm) => replay.add(itemId, contentIndex, pcm);
        return client;
      },
      createChat: (sessionId, delegate) =>
        new TextChat(
          { client: textClient, sessionId, newId: newItemId, explain, network: globalThis },
          delegate,
        ),
      explain,
      nextFrame: (draw) => requestAnimationFrame(draw),
      hasTouchScreen: () => touchScreen.matches,
      reloadPage: () => globalThis.location.reload(),
    },
    {
      sessionNeeded: () => conversation.createSession(),
      conversationShown: () => conversation.restoreUnsent(),
      sessionUnused: () => void conversation.discardUnused(),
      turnCompleted: () => app.turnCompleted(),
      exchangeFinished: () => app.exchangeFinished(),
      sessionRead: (session) => usage.sessionRead(session),
      budgetChanged: () => usage.budgetChanged(),
      newSessionWanted: () => app.choose(null),
      signInWanted: () => account.signOut("sign_in.expired"),
    },
  );
  const list = new SessionList(
    {
      api,
      words,
      drafts,
      view: sessions,
      drawer,
      announcer,
      showTitle: (title) => {
        labels.showTitle(title);
        sessionSettings.show();
        usage.show();
      },
    },
    {
      openId: () => conversation.sessionId,
      isSignedIn: () => account.user !== null,
      openDeleted: () => app.show(null),
      refreshed: (session) => {
        if (session.id !== conversation.sessionId) return;
        talk.remember(session.remembered_from ?? null);
        usage.sessionRead(session);
      },
    },
  );
  const deletion = new SessionDeletion(
    { api, words, drafts, list, view: sessions, toast: undoToast, drawer, announcer },
    {
      openId: () => conversation.sessionId,
      show: (id) => app.show(id),
      signal: () => account.signal,
    },
  );
  const sessionSettings = new SessionSettings(
    { api, words, list, view: sessionSettingsView },
    {
      openId: () => conversation.sessionId,
      voices: () => account.config?.voices ?? [],
      signal: () => account.signal,
    },
  );
  const voiceSample = new VoiceSample({
    api,
    words,
    view: sessionSettingsView,
    createContext: () => {
      replay.stop();
      return speakers.use(openAudioContext());
    },
    volume: () => store.preferences().volume,
    isAllowed: () => !voiceMode.isOn,
  });
  const sessionSearch = new SessionSearch({ api, words, list, box: searchBox, drawer, announcer });
  const usage = new Usage(
    { api, words, now: () => Date.now(), view: usageView },
    { openId: () => conversation.sessionId, signal: () => account.signal },
  );
  const sessionExport = new SessionExport(
    { api, words, drawer, announcer, chooseFormat, saveFile },
    { isSignedIn: () => account.user !== null },
  );
  const conversation = new Navigation({
    api,
    drafts,
    account,
    address,
    list,
    talk,
    fieldsOfNew: () => sessionSettings.fieldsOfNew,
  });
  const otherTabs = new OtherTabs(
    {
      openChannel: () => new BroadcastChannel(CHANNEL),
      window: globalThis,
      document,
      signal,
    },
    {
      exchangeFinished: (sessionId) => app.exchangeFinishedInOtherTab(sessionId),
      cameBack: () => app.cameBack(),
    },
  );
  // Events of the page.
  new Keyboard(
    {
      talkKeyChanged: (isHeld) => voiceMode.talkKeyChanged(isHeld),
      muteKeyPressed: () => voiceMode.isOn && voiceMode.toggleMuted(),
      voiceKeyPressed: () => void (voiceMode.isOn ? voiceMode.stop() : voiceMode.start()),
      stopKeyPressed: () => {
        talk.interrupt();
        replay.stop();
      },
      helpKeyPressed: showKeys,
    },
    signal,
  );
  watchMicrophones((found) => {
    settings.showMicrophones(found);
    void speakers.refresh();
  }, signal);
  globalThis.addEventListener("hashchange", () => conversation.addressChanged());
  globalThis.addEventListener("online", () => talk.networkReturned());
  globalThis.addEventListener("pagehide", () => {
    try {
      conversation.saveUnsent();
      replay.stop();
    } finally {
      talk.freeze();
    }
  });

  /** @param {string} id @param {() => void} clicked */
  const onClick = (id, clicked) => byId(id, HTMLElement).addEventListener("click", clicked);
  onClick("settings-open", () => voiceMode.openSettings());
  byId("settings", HTMLDialogElement).addEventListener("close", () => voiceSample.stop());
  onClick("keys-open", showKeys);
  onClick("sign-out", () => account.signOut(""));
  onClick("sign-out-everywhere", () => account.signOutEverywhere());
  byId("skip", HTMLAnchorElement).addEventListener("click", (event) => {
    // Without the link's address, which would replace that of the conversation.
    event.preventDefault();
    composer.focus();
  });

  /** @satisfies {Partial<AppParts>} */
  const parts = {
    address,
    closeDialogs,
    conversation,
    drafts,
    list,
    otherTabs,
    sessions,
    suggestions,
    talk,
  };
  return {
    parts,
    /** For the browser's console, and for the tests that drive the page. */
    exposed: { conversation, dictation, list, talk, voiceMode },
    languageChosen: () => deletion.relabel(),
    signedIn: () => {
      settings.showTransports(transports());
      return app.signedIn();
    },
    justEntered: () => {
      const path = returnPath(globalThis.location.search, address.sessionId);
      // A login that is forgotten with this page is of no use to the other one.
      if (path && store.isKept) globalThis.location.assign(path);
      else talk.focusMessage();
    },
    /** @param {boolean} isChosen Whether the user chose to sign out. */
    signedOut: (isChosen) => {
      // First, so that no exception in the rest leaves the microphone open.
      void talk.client?.close();
      replay.clear();
      sessionSearch.clear();
      sessionSettings.clear();
      usage.clear();
      deletion.clear();
      app.signedOut(isChosen);
    },
  };
}
