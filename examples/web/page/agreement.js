// The spoken consent, which a person may add to a new voice: a sentence drawn at random, read aloud at once.

import { consentChallenge, utcNow } from "../challenge.js";
import { $, attempt, say, texts } from "./dom.js";
import { Recorder } from "./recorder.js";

const LONGEST_S = 60;

/** free: whether the microphone may be taken now. */
export function begin(free) {
  const recorder = new Recorder();
  let state = "idle"; // or starting, recording
  let challenge = null;
  let answer = null; // {challenge, take, answeredAt}

  show();
  $("agree").addEventListener("click", () => attempt("make-error", toggle));

  function show() {
    $("agree").textContent = state === "recording" ? texts.recordStop : answer ? texts.agreeAgain : texts.agree;
    $("agree").classList.toggle("on", state === "recording");
    $("agree-sentence").hidden = state !== "recording";
    $("agree-sentence").firstElementChild.textContent = challenge?.sentence ?? "";
    $("agree-line").textContent = answer ? texts.agreed : "";
  }

  async function toggle() {
    if (state === "recording") return finish();
    if (state === "starting" || !free()) return;
    state = "starting";
    answer = null;
    try {
      await recorder.start(heard, () => attempt("make-error", finish));
      challenge = consentChallenge();
      state = "recording";
    } catch (error) {
      state = "idle";
      throw new Error(say.noMicrophone(error.message));
    } finally {
      show();
    }
  }

  function heard(_, seconds) {
    if (state !== "recording") return;
    $("agree-line").textContent = say.recording(seconds);
    if (seconds > LONGEST_S) attempt("make-error", finish);
  }

  async function finish() {
    if (state !== "recording") return;
    state = "idle";
    answer = { challenge, take: await recorder.stop(), answeredAt: utcNow() };
    challenge = null;
    show();
  }

  return {
    get recording() {
      return state !== "idle";
    },
    /** The answer, which serves once; null where none was given. */
    taken() {
      const given = answer;
      answer = null;
      show();
      return given;
    },
  };
}
