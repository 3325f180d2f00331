// A random sequence that a seed repeats.

export class Random {
  #state;

  constructor(seed) {
    this.#state = seed | 0;
  }

  // In [0, 1). A counter by an odd constant, mixed as MurmurHash3 ends: enough for choices.
  next() {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
  }

  // A whole number, both ends included.
  between(low, high) {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.between(0, list.length - 1)];
  }

  // A name of { name: weight }.
  weighted(weights) {
    const names = Object.keys(weights);
    let left = this.next() * names.reduce((sum, name) => sum + weights[name], 0);
    return names.find((name) => (left -= weights[name]) < 0) ?? names.at(-1);
  }
}
