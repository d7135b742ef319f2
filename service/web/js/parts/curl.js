/** The same request for a terminal. */

import { keyIfAny } from "../service/key.js";

/** `download` is the address of a file that is not at hand. */
export function curl(name, query, download = "") {
  const service = quoted(new URL(`v1/classify?${query}`, document.baseURI).href);
  const fetched = download ? `curl -s ${quoted(new URL(download, document.baseURI).href)} | ` : "";
  const key = keyIfAny() ? " -H \"Authorization: Bearer $EARSHOT_KEY\"" : "";
  const body = quoted(download ? "@-" : `@${name}`);
  return `${fetched}curl -H 'Content-Type: application/octet-stream'${key} --data-binary ${body} ${service}`;
}

/** One word, whatever is in it. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** To the clipboard, or marked to be copied by hand where the browser gives none; says which. */
export async function copyFrom(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return "Copied.";
  } catch {
    getSelection().selectAllChildren(element);
    element.focus();
    return "It is marked: copy it by Ctrl+C.";
  }
}
