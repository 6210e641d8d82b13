/** Ids of the items that the page creates. */

/** A fresh id of 29 characters; an item may have 32. (`crypto.randomUUID` is missing on insecure
 * pages.) */
export function newItemId() {
  const bytes = [...crypto.getRandomValues(new Uint8Array(12))];
  return `page_${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
