/** What is going on, and what went wrong: read aloud by screen readers as it changes. */

import { onKeyNeeded } from "../service/key.js";
import { Problem } from "../service/ask.js";
import { at, make } from "./dom.js";

const state = make("p", { className: "state", role: "status" });
const problem = make("p", { className: "problem", role: "alert" });
let again = () => {};
at("notices").append(problem, state);
onKeyNeeded(at("notices"), () => {
  complain(null);
  again();
});

/** One sentence; nothing if left away. */
export function tell(sentence = "") {
  if (state.textContent !== sentence) state.textContent = sentence;
}

/** What went wrong, in the service's own words where it has some; null when all is well again. */
export function complain(error) {
  problem.textContent = error ? sentenceOf(error) : "";
}

/** What to do once there is a key. */
export function retryWithKey(action) {
  again = action;
}

/** For a person to read; what nobody expected is told to the console too. */
export function sentenceOf(error) {
  if (error instanceof Problem) return error.message;
  console.error(error);
  return "Something on this page went wrong; the browser's console knows more.";
}
