/** The export of a conversation: the user chooses a format and gets a file. */

import { errorText } from "./error-text.js";

/** @import { Api } from "../api.js" */
/** @import { Announcer } from "../views/announcer.js" */
/** @import { Drawer } from "../views/drawer.js" */
/** @import { ExportFormat } from "../views/export-dialog.js" */
/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {{
 *   api: Pick<Api, "exportSession">, words: Words,
 *   drawer: Pick<Drawer, "showError">, announcer: Pick<Announcer, "say">,
 *   chooseFormat: (title: string) => Promise<ExportFormat | null>,
 *   saveFile: (blob: Blob, name: string) => void,
 * }} SessionExportParts `chooseFormat` resolves to null if the user cancels.
 * @typedef {{ isSignedIn: () => boolean }} SessionExportDelegate
 */

export class SessionExport {
  #parts;
  #delegate;

  /** @param {SessionExportParts} parts @param {SessionExportDelegate} delegate */
  constructor(parts, delegate) {
    this.#parts = parts;
    this.#delegate = delegate;
  }

  /** Ask for a format, then download the session. Errors are shown in the drawer.
   * @param {string} id @param {string} title */
  async start(id, title) {
    const { announcer, api, chooseFormat, drawer, saveFile, words } = this.#parts;
    const format = await chooseFormat(title);
    if (!format) return;
    drawer.showError("");
    announcer.say(words.say("export.preparing"));
    try {
      const { blob, fileName } = await api.exportSession(id, format);
      // Another user may have signed in meanwhile; the file is not theirs.
      if (!this.#delegate.isSignedIn()) return;
      saveFile(blob, fileName);
      announcer.say(words.say("export.done", { name: fileName }));
    } catch (error) {
      const why = errorText(words, error);
      if (this.#delegate.isSignedIn()) drawer.showError(words.say("export.failed", { why }));
    }
  }
}
