// The sentence that a person is asked to say (challenge.py): made at random when it is asked for, answered once and soon.

import { WORDS } from "./consent_words.js";
import { ConsentError, UsageError } from "./errors.js";
import { toHex } from "./profile.js";

export const AGREEMENT = "I agree that this device may speak in my voice.";
const [RANDOM_WORDS, WITHIN_S, MOST_AGREEMENT] = [4, 120, 300];
const EARLY_S = 2; // clocks are read in whole seconds

/**
 * A new sentence: the agreement and random words. agreement: what the person agrees to, plain text that can be read aloud.
 * Throws a UsageError.
 * @returns {{sentence: string, words: string[], nonce: string, made_at: string, within_s: number}} as Python's Challenge
 *   writes it: sentence is to be read aloud within within_s seconds from made_at (RFC 3339 UTC) on.
 */
export function consentChallenge({ agreement = AGREEMENT, words = RANDOM_WORDS, withinS = WITHIN_S, now = utcNow() } = {}) {
  const agreed = agreement.trim().split(/\s+/u).join(" ");
  if (!agreed || Array.from(agreed).length > MOST_AGREEMENT) {
    throw new UsageError(`an agreement has 1 to ${MOST_AGREEMENT} letters, not ${Array.from(agreed).length}: shorten it`);
  }
  if (!(Number.isInteger(words) && words >= 2 && words <= 8)) {
    throw new UsageError(`a consent sentence has 2 to 8 random words, not ${words}: 4 have 32 bits`);
  }
  if (!(Number.isInteger(withinS) && withinS >= 10 && withinS <= 3600)) {
    throw new UsageError(`a consent sentence is answered within 10 to 3600 s, not ${withinS}: 120 is usual`);
  }
  const drawn = drawnWords(words);
  const half = Math.floor((words + 1) / 2);
  const sentence = `${agreed} My words are ${drawn.slice(0, half).join(" ")}, and ${drawn.slice(half).join(" ")}.`;
  const nonce = toHex(crypto.getRandomValues(new Uint8Array(16)));
  return { sentence, words: drawn, nonce, made_at: now, within_s: withinS };
}

/** Different words, each of the 256 equally likely: a byte chooses. */
function drawnWords(count) {
  const drawn = [];
  while (drawn.length < count) {
    const word = WORDS[crypto.getRandomValues(new Uint8Array(1))[0]];
    if (!drawn.includes(word)) drawn.push(word);
  }
  return drawn;
}

/** Throws a ConsentError unless a take of `seconds` that was complete at `answeredAt` (RFC 3339 UTC) can be the answer. */
export function requireTimely({ made_at: madeAt, within_s: within }, answeredAt, seconds) {
  const age = (Date.parse(answeredAt) - Date.parse(madeAt)) / 1000;
  if (!(age <= within)) {
    throw new ConsentError(`consent: answered ${age.toFixed(0)} s after the sentence was shown, later than ${within} s: ask for a new sentence`);
  }
  if (seconds > age + EARLY_S) {
    throw new ConsentError(
      "consent: the recording is longer than the time since the sentence was shown: ask for a new sentence, and set the clock of this device",
    );
  }
}

/** The present moment as profiles write it. */
export function utcNow() {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
