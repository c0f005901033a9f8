// The microphone, and files, as samples. The microphone is taken as it is: what makes calls clearer (echo and noise
// cancellation, automatic gain) makes a voice less like its person.

import { isWav, readWav } from "../sound.js";
import { say } from "./dom.js";

const MOST_BYTES = 300e6; // of a file: a browser holds it several times
const PLAIN = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export class Recorder {
  #stream;
  #context;
  #blocks = [];

  /** Starts to record. onBlock(samples, seconds so far); onGone(): the microphone was taken away. */
  async start(onBlock, onGone) {
    this.#blocks = [];
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: PLAIN });
    try {
      for (const track of this.#stream.getTracks()) track.onended = onGone;
      await this.#listen(onBlock);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #listen(onBlock) {
    const context = (this.#context = new AudioContext());
    const blocks = this.#blocks;
    await context.audioWorklet.addModule(new URL("tap.js", import.meta.url));
    const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0 });
    let count = 0;
    tap.port.onmessage = ({ data }) => {
      blocks.push(data);
      count += data.length;
      onBlock(data, count / context.sampleRate);
    };
    context.createMediaStreamSource(this.#stream).connect(tap);
  }

  /** Ends it: {samples, sampleRate}. */
  async stop() {
    for (const track of this.#stream.getTracks()) track.stop();
    const { sampleRate } = this.#context ?? {};
    await this.#context?.close();
    this.#context = null;
    return { samples: joined(this.#blocks), sampleRate };
  }
}

/** A file that the browser can read: {samples, sampleRate}. Throws an Error that says what to do. */
export async function readSound(file) {
  if (file.size > MOST_BYTES) throw new Error(say.tooLarge(file.name));
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    return isWav(bytes) ? readWav(bytes) : await decoded(bytes);
  } catch {
    throw new Error(say.notAudio(file.name));
  }
}

async function decoded(bytes) {
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
