// The page's side of worker.js: calls, and streams of speech.

import { errorNamed } from "../errors.js";

export class Engine {
  #worker;
  #waiting = new Map();
  #last = 0;

  constructor() {
    // A worker made of a blob inherits this page's Content-Security-Policy; one made of an address would have none, since
    // a static server sends no headers.
    const source = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.#worker = new Worker(address, { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#settle(data);
    this.#worker.onerror = () => this.#fail(new Error("the engine could not be started: reload the page"));
  }

  /** Calls a method of worker.js. */
  call(method, ...parameters) {
    return this.follow(null, method, ...parameters);
  }

  /** The same, with what the method tells while it works. */
  follow(onTold, method, ...parameters) {
    return this.#ask((this.#last += 1), { method, parameters }, onTold);
  }

  /** A stream of worker.js: work is done there only when a value is asked for here. */
  async *stream(method, ...parameters) {
    const id = (this.#last += 1);
    this.#worker.postMessage({ id, method, parameters });
    let ended = false;
    try {
      for (;;) {
        const { value, done } = await this.#ask(id, { next: true });
        ended = done;
        if (done) return;
        yield value;
      }
    } finally {
      if (!ended) this.#worker.postMessage({ id, stop: true });
    }
  }

  #ask(id, message, onTold = null) {
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, onTold, streams: message.next }));
    this.#worker.postMessage({ id, ...message });
    return answer;
  }

  #settle({ id, value, done, error, told }) {
    const { resolve, reject, onTold, streams } = this.#waiting.get(id) ?? {};
    if (told !== undefined) {
      onTold?.(told);
      return;
    }
    this.#waiting.delete(id);
    if (error) reject?.(errorNamed(error));
    else resolve?.(streams ? { value, done } : value);
  }

  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
