/** Live sound over a WebSocket, as service/stream/messages.py describes it. */

import { Problem } from "./ask.js";
import { keyIfAny } from "./key.js";

const PROTOCOL = "earshot.v1";
const MOST_BUFFERED = 2 ** 20;
const IN_ORDER = 1000;
const WHY = {
  1001: "Nothing came for too long, so the service ended the stream.",
  1012: "The service shuts down, or serves another model now.",
  1013: "The service has no engine at the moment.",
};

/**
 * One stream. Told are: `ready` once, `heard` for every hop, `trouble` for a hop without an answer, and `ended` with
 * null if it ended in order, otherwise with the Problem that ended it.
 */
export class LiveStream {
  constructor(opening, told) {
    this.told = told;
    this.problem = null;
    this.isReady = false;
    this.isAsked = false;
    const url = new URL("v1/stream", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    const key = keyIfAny();
    this.socket = new WebSocket(url, key ? [PROTOCOL, `earshot.key.${key}`] : [PROTOCOL]);
    this.socket.onopen = () => this.socket.send(JSON.stringify(opening));
    this.socket.onmessage = ({ data }) => this.#understand(JSON.parse(data));
    this.socket.onclose = ({ code }) => told.ended(this.#reason(code));
  }

  /** Samples from -1 to 1; what a slow connection has no room for is left out. */
  send(samples) {
    if (!this.isReady || this.socket.readyState !== WebSocket.OPEN) return;
    if (this.socket.bufferedAmount > MOST_BUFFERED) return;
    const pcm = new DataView(new ArrayBuffer(2 * samples.length));
    samples.forEach((value, i) => pcm.setInt16(2 * i, 32767 * Math.max(-1, Math.min(1, value)), true));
    this.socket.send(pcm.buffer);
  }

  /** No more sound comes; what was sent is still answered. */
  close() {
    this.isAsked = true;
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send('{"type": "end"}');
    else this.socket.close();
  }

  #understand(message) {
    if (message.type === "ready") {
      this.isReady = true;
      this.told.ready(message);
    } else if (message.type === "prediction") {
      this.told.heard(message);
    } else if (message.type === "problem") {
      const problem = new Problem(message.detail, message);
      if (message.end_s === undefined) this.problem = problem;
      else this.told.trouble(problem);
    }
  }

  #reason(code) {
    if (this.problem) return this.problem;
    if (this.isAsked || code === IN_ORDER) return null;
    if (!this.isReady) return new Problem("The service did not take the stream: too many may be open, or it is gone.");
    return new Problem(WHY[code] ?? "The connection to the service is lost.");
  }
}
