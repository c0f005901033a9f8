// Plays chunks without gaps while more are made, and tells what is being heard.

const PATIENCE_MS = 1000; // for a loudspeaker: without one, in some browsers, a context never begins
const AHEAD_S = 0.05; // before the first sample, so that the second chunk is there in time

export class Player {
  #context = null;
  #sources = new Set();
  #spans = []; // {at, from, seconds}: this much of the speech, begun at this time of the context
  #ends = 0;
  #made = 0;

  /** Call it in the answer to a click: browsers let nothing sound before one. */
  async begin(sampleRate) {
    this.stop();
    // At the speech's own rate, since buffers that are resampled one by one would click.
    if (this.#context?.sampleRate !== sampleRate) {
      await this.#context?.close();
      this.#context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    }
    await Promise.race([this.#context.resume(), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
    this.#spans = [];
    this.#made = 0;
    this.#ends = 0;
  }

  push(samples, sampleRate) {
    const buffer = this.#context.createBuffer(1, samples.length, sampleRate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#context.destination);
    const at = Math.max(this.#ends, this.#context.currentTime + (this.#ends ? 0 : AHEAD_S));
    source.start(at);
    source.onended = () => this.#sources.delete(source);
    this.#sources.add(source);
    this.#spans.push({ at, from: this.#made, seconds: buffer.duration });
    this.#made += buffer.duration;
    this.#ends = at + buffer.duration;
  }

  /** Seconds of the speech that are heard at this moment. */
  get position() {
    if (!this.#context) return 0;
    const now = this.#context.currentTime - (this.#context.outputLatency || 0);
    const span = this.#spans.findLast(({ at }) => at <= now);
    return span ? span.from + Math.min(now - span.at, span.seconds) : 0;
  }

  /** Seconds that were made and are still to be heard; none where nothing sounds. */
  get ahead() {
    return this.#context?.state === "running" ? this.#ends - this.#context.currentTime : 0;
  }

  stop() {
    for (const source of this.#sources) source.stop();
    this.#sources.clear();
    this.#ends = 0;
  }
}
