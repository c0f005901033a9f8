// The microphone, as it is: what makes calls clearer (echo and noise cancellation, automatic gain) makes a voice less like
// its person.

const PLAIN = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export class Recorder {
  #stream;
  #context;
  #blocks = [];

  /** Starts to record. onBlock(samples, seconds so far). */
  async start(onBlock) {
    this.#blocks = [];
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: PLAIN });
    this.#context = new AudioContext();
    await this.#context.audioWorklet.addModule(new URL("tap.js", import.meta.url));
    const tap = new AudioWorkletNode(this.#context, "tap", { numberOfOutputs: 0 });
    let count = 0;
    tap.port.onmessage = ({ data }) => {
      this.#blocks.push(data);
      count += data.length;
      onBlock(data, count / this.#context.sampleRate);
    };
    this.#context.createMediaStreamSource(this.#stream).connect(tap);
  }

  /** Ends it: {samples, sampleRate}. */
  async stop() {
    for (const track of this.#stream.getTracks()) track.stop();
    const { sampleRate } = this.#context;
    await this.#context.close();
    return { samples: joined(this.#blocks), sampleRate };
  }
}

/** Any file that the browser can read: {samples, sampleRate}. */
export async function decoded(bytes) {
  const context = new OfflineAudioContext(1, 1, 48000);
  const sound = await context.decodeAudioData(bytes.slice().buffer);
  const channels = Array.from({ length: sound.numberOfChannels }, (_, k) => sound.getChannelData(k));
  const samples = channels[0].map((_, at) => channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length);
  return { samples, sampleRate: sound.sampleRate };
}

function joined(blocks) {
  const samples = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    samples.set(block, at);
    at += block.length;
  }
  return samples;
}
