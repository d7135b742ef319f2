/** The Fourier transform of real samples: radix 2, in place, with a Hann window. */

export class Spectrum {
  /** Of so many samples, a power of two. */
  constructor(size) {
    this.size = size;
    this.real = new Float64Array(size);
    this.imaginary = new Float64Array(size);
    this.window = Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    this.cosines = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.sines = Float64Array.from({ length: size / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
    const bits = Math.log2(size);
    this.order = Uint32Array.from({ length: size }, (_, i) => reversed(i, bits));
    this.gain = 2 / this.window.reduce((sum, value) => sum + value, 0);
  }

  /** Power of each frequency from `start` on, 1 for a sine of full scale; samples outside are silence. */
  powers(samples, start, powers) {
    const { size, real, imaginary, window, order, gain } = this;
    for (let i = 0; i < size; i += 1) {
      const j = order[i];
      real[i] = (samples[start + j] ?? 0) * window[j];
      imaginary[i] = 0;
    }
    this.#transform();
    for (let i = 0; i <= size / 2; i += 1) powers[i] = (real[i] ** 2 + imaginary[i] ** 2) * gain * gain;
    return powers;
  }

  #transform() {
    const { size, real, imaginary, cosines, sines } = this;
    for (let half = 1; half < size; half *= 2) {
      const step = size / (2 * half);
      for (let block = 0; block < size; block += 2 * half) {
        for (let i = block, turn = 0; i < block + half; i += 1, turn += step) {
          const other = i + half;
          const re = real[other] * cosines[turn] - imaginary[other] * sines[turn];
          const im = real[other] * sines[turn] + imaginary[other] * cosines[turn];
          real[other] = real[i] - re;
          imaginary[other] = imaginary[i] - im;
          real[i] += re;
          imaginary[i] += im;
        }
      }
    }
  }
}

function reversed(number, bits) {
  let result = 0;
  for (let bit = 0; bit < bits; bit += 1) result = (result << 1) | ((number >> bit) & 1);
  return result;
}
