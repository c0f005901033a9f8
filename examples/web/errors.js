// The errors of the SDK, by the same names as in Python (sdk/parrotlet/errors.py). A message says in one line what went
// wrong and what to do next; it never holds a key, a passphrase or voice data.

export class ParrotletError extends Error {
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** An argument is outside what the call accepts. */
export class UsageError extends ParrotletError {}

/** A recording or a text cannot be used. */
export class InputError extends ParrotletError {}

/** What a person said does not show that they agree: the message names what is missing. */
export class ConsentError extends InputError {}

/** A profile cannot be stored or opened. */
export class VaultError extends ParrotletError {}

/** The store holds no profile of that name. */
export class ProfileNotFound extends VaultError {}

/** A profile of that name is there already. */
export class ProfileExists extends VaultError {}

/** The key is wrong or the file was changed; the two are deliberately not told apart. */
export class UnlockError extends VaultError {}

/** The file is not a profile this version can parse. */
export class ProfileFormatError extends VaultError {}

/** The profile was written by a later version of parrotlet. */
export class NewerFormatError extends ProfileFormatError {}

/** The profile's expiry date has passed. */
export class ProfileExpired extends VaultError {}

/** The profile was made for another speaker encoder than the one in this bundle. */
export class WrongModelError extends VaultError {}

/** The bundle lets only profiles with a spoken consent speak. */
export class ConsentRequired extends VaultError {}

/** A bundle is missing, damaged or unsuitable. */
export class BundleError extends ParrotletError {}

const NAMED = {
  UsageError,
  InputError,
  ConsentError,
  VaultError,
  ProfileNotFound,
  ProfileExists,
  UnlockError,
  ProfileFormatError,
  NewerFormatError,
  ProfileExpired,
  WrongModelError,
  ConsentRequired,
  BundleError,
};

/** An error that came from another thread as {name, message}. */
export function errorNamed({ name, message }) {
  return new (NAMED[name] ?? ParrotletError)(message);
}

/** Throws a UsageError unless `value` is a number from `low` to `high`. */
export function requireNumber(name, value, low, high) {
  if (typeof value !== "number" || !(value >= low && value <= high)) {
    throw new UsageError(`${name} must be a number between ${low} and ${high}, not ${value}`);
  }
}
