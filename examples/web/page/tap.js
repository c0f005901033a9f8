// Hands what the microphone hears to the page, a block at a time.

class Tap extends AudioWorkletProcessor {
  process([input]) {
    if (input[0]) this.port.postMessage(input[0].slice());
    return true;
  }
}

registerProcessor("tap", Tap);
