// What the app around the page does, where the page is in one (examples/android, examples/ios); `device` is null elsewhere.
//
// Messages are JSON. Android: an object parrotletDevice with postMessage and onmessage, and answers {id, value} or
// {id, error}. iOS: a message handler of that name, whose postMessage promises the value. Either calls
// parrotletSilence() when something else is to be heard: a call, say.

const ios = globalThis.webkit?.messageHandlers?.parrotletDevice;
const android = globalThis.parrotletDevice;

class Device {
  #waiting = new Map();
  #last = 0;

  constructor() {
    if (android) android.onmessage = ({ data }) => this.#settle(JSON.parse(data));
  }

  /** The text of a key file that the phone's key store alone can read. */
  key() {
    return this.#ask({ ask: "key" });
  }

  /** Gives bytes to the person as a file. */
  save(name, bytes, type) {
    return this.#ask({ ask: "save", name, type, base64: base64(bytes) });
  }

  /** Tells that speech begins or ended, so that other sound steps back. */
  sounding(on) {
    return this.#ask({ ask: "sounding", on });
  }

  #ask(message) {
    if (ios) return ios.postMessage(JSON.stringify(message));
    const id = (this.#last += 1);
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    android.postMessage(JSON.stringify({ id, ...message }));
    return answer;
  }

  #settle({ id, value, error }) {
    const { resolve, reject } = this.#waiting.get(id) ?? {};
    this.#waiting.delete(id);
    if (error) reject?.(new Error(error));
    else resolve?.(value);
  }
}

function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

export const device = ios || android ? new Device() : null;
