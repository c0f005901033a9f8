// Numbers from digits to words (numbers.py); needs the tables of rules.bin.

const words = (...parts) => parts.filter(Boolean).join(" ");

/** `tables`: of rules.bin; `joint` stands before the last two figures, `zero` before a decimal point. */
export class Numbers {
  constructor({ small, tens, scales, ordinals }, { joint = "", zero = "zero" } = {}) {
    Object.assign(this, { small, tens, scales, ordinals, joint, zero });
  }

  cardinal(written) {
    const digits = written.replace(/^0+/, "");
    if (!digits) return "zero";
    if (digits.length > 3 * this.scales.length) return this.spelled(digits);
    const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
    const groups = padded.match(/.{3}/g).map(Number);
    const said = groups
      .map((group, at) => (group ? words(this.hundreds(group), this.scales[groups.length - 1 - at]) : ""))
      .filter(Boolean);
    const last = groups.at(-1);
    if (this.joint && last > 0 && last < 100 && said.length > 1) said.splice(-1, 0, this.joint);
    return said.join(" ");
  }

  hundreds(value) {
    const head = value >= 100 ? `${this.small[Math.floor(value / 100)]} hundred` : "";
    const rest = value % 100;
    return words(head, head && rest ? this.joint : "", rest || !head ? this.belowHundred(rest) : "");
  }

  belowHundred(value) {
    return value < 20 ? this.small[value] : words(this.tens[Math.floor(value / 10)], value % 10 && this.small[value % 10]);
  }

  ordinal(digits) {
    const spoken = this.cardinal(digits);
    const at = Math.max(spoken.lastIndexOf(" "), spoken.lastIndexOf("-")) + 1;
    const last = spoken.slice(at);
    const ending = last.endsWith("y") ? `${last.slice(0, -1)}ieth` : `${last}th`;
    return spoken.slice(0, at) + (this.ordinals[last] ?? ending);
  }

  spelled(digits, zero = "zero") {
    return [...digits].map((digit) => (digit === "0" ? zero : this.small[Number(digit)])).join(" ");
  }

  minutes(digits) {
    return digits[0] === "0" ? this.spelled(digits, "oh") : this.cardinal(digits);
  }

  year(digits) {
    if (digits.length !== 4 || digits[0] === "0" || digits.slice(1, 3) === "00") return this.cardinal(digits);
    const rest = Number(digits.slice(2));
    const century = this.belowHundred(Number(digits.slice(0, 2)));
    return rest ? `${century} ${rest < 10 ? "oh " : ""}${this.belowHundred(rest)}` : `${century} hundred`;
  }

  pairs(digits) {
    if (digits[0] === "0") return this.spelled(digits, "oh");
    if (digits.length < 3 || digits.length > 4 || digits.endsWith("00")) return this.cardinal(digits);
    const tail = Number(digits.slice(-2));
    return `${this.belowHundred(Number(digits.slice(0, -2)))} ${tail < 10 ? "oh " : ""}${this.belowHundred(tail)}`;
  }

  real(written) {
    const [whole, fraction] = written.replaceAll(",", "").split(".");
    if (fraction === undefined) return this.cardinal(whole);
    return `${/[1-9]/.test(whole) ? this.cardinal(whole) : this.zero} point ${this.spelled(fraction)}`;
  }

  bare(digits) {
    if (digits.length > 1 && digits[0] === "0") return this.spelled(digits, digits.length < 5 ? "oh" : "zero");
    const asYear = (digits >= "1100" && digits <= "1999") || (digits >= "2010" && digits <= "2099");
    if (digits.length === 4 && asYear) return this.year(digits);
    return digits.length > 9 ? this.spelled(digits) : this.cardinal(digits);
  }
}

/** The value of a roman numeral; 0 if it is not written in the one standard way. */
export function roman(numeral) {
  const worth = { I: 1, V: 5, X: 10, L: 50, C: 100, D: 500, M: 1000 };
  const values = [...numeral].map((sign) => worth[sign] ?? 0);
  const total = values.reduce((sum, value, at) => sum + (value < (values[at + 1] ?? 0) ? -value : value), 0);
  return numeral && toRoman(total) === numeral ? total : 0;
}

function toRoman(value) {
  if (value <= 0 || value >= 4000) return "";
  const worths = [1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1];
  const signs = "M CM D CD C XC L XL X IX V IV I".split(" ");
  let rest = value;
  return worths
    .map((worth, at) => {
      const times = Math.floor(rest / worth);
      rest -= times * worth;
      return signs[at].repeat(times);
    })
    .join("");
}
