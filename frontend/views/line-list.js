/**
 * The list element of the conversation. Its lines stand in groups, which screen readers do not see: the
 * browser lays out, paints and watches (`content-visibility`) a group at a time. Its cost grows with the
 * number of siblings, also of those that are far away: with 6,000 of them, 0.1 s for a frame.
 */

import { make } from "./elements.js";

/** Lines in a group: about five screens. */
export const GROUP_SIZE = 50;
/** About the height of a line, for the scroll bar, as long as a group was not shown. */
const LINE_REM = 5;

export class LineList {
  #list;
  /** Stands above the first line that the model is given with the next question. */
  #mark = make("div", { class: "remembered", role: "listitem" });

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /** Put a line in front of another, or at the end, unless it stands there.
   * @param {HTMLElement} line @param {HTMLElement | null} next */
  place(line, next) {
    if (line.parentElement && this.#below(line) === next) return;
    // It would be counted as a line; `placeMark` puts it back.
    this.#mark.remove();
    this.remove(line);
    const group = next ? this.#groupAbove(next) : this.#lastGroup();
    group.insertBefore(line, next?.parentElement === group ? next : null);
    group.style.containIntrinsicBlockSize = `auto ${group.children.length * LINE_REM}rem`;
  }

  /** @param {HTMLElement} line */
  remove(line) {
    const group = line.parentElement;
    line.remove();
    if (group && [...group.children].every((child) => child === this.#mark)) group.remove();
  }

  /** Put the mark with this text above a line, or nowhere.
   * @param {HTMLElement | null} line @param {string} text */
  placeMark(line, text) {
    if (!line) return this.#mark.remove();
    if (this.#mark.textContent !== text) this.#mark.textContent = text;
    if (this.#mark.nextElementSibling !== line) line.before(this.#mark);
  }

  /** The first line that ends below this height of the window. @param {number} y */
  firstBelow(y) {
    const isBelow = (/** @type {Element} */ element) => element.getBoundingClientRect().bottom > y;
    const group = [...this.#list.children].find(isBelow);
    return [...(group?.children ?? [])].find(isBelow) ?? null;
  }

  /** The line below this one. @param {Element} line */
  #below(line) {
    const beside =
      line.nextElementSibling ?? line.parentElement?.nextElementSibling?.firstElementChild;
    return (beside === this.#mark ? beside.nextElementSibling : beside) ?? null;
  }

  #lastGroup() {
    return this.#withRoom(this.#list.lastElementChild) ?? this.#newGroup(null);
  }

  /** The group for a line that is to stand in front of this one. @param {HTMLElement} next */
  #groupAbove(next) {
    const group = /** @type {HTMLElement} */ (next.parentElement);
    if (group.children.length < GROUP_SIZE) return group;
    const isFirst = group.firstElementChild === next;
    const above = isFirst ? this.#withRoom(group.previousElementSibling) : null;
    if (above) return above;
    const added = this.#newGroup(group);
    // The lines below stay where they are: one of them may have the focus.
    while (group.firstElementChild !== next) added.append(group.firstElementChild ?? "");
    return this.#withRoom(added) ?? this.#newGroup(group);
  }

  /** @param {Element | null} group */
  #withRoom(group) {
    const hasRoom = group instanceof HTMLElement && group.children.length < GROUP_SIZE;
    return hasRoom ? group : null;
  }

  /** @param {HTMLElement | null} next */
  #newGroup(next) {
    const group = make("div", { class: "line-group", role: "presentation" });
    this.#list.insertBefore(group, next);
    return group;
  }
}
