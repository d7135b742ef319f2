/** Plays a sound, and shows where it is: wave, spectrogram and a cursor over both, which is a slider for the keyboard. */

import { whenSeen } from "../draw/canvas.js";
import { drawSpectrogram } from "../draw/spectrogram.js";
import { drawWaveform } from "../draw/waveform.js";
import { seconds } from "./dom.js";

const STEPS = { ArrowLeft: -0.5, ArrowDown: -0.5, ArrowRight: 0.5, ArrowUp: 0.5, PageDown: -5, PageUp: 5 };

export class Player {
  constructor(root) {
    [this.button, this.time, this.mute, this.track, this.wave, this.spectrogram, this.cursor, this.axis] =
      [".play", ".time", ".mute", ".track", ".wave", ".spectrogram", ".cursor", ".axis"].map((name) => (
        root.querySelector(name)));
    this.audio = new Audio();
    this.sound = null;
    this.button.addEventListener("click", () => this.toggle());
    this.track.addEventListener("keydown", (event) => this.#key(event));
    this.track.addEventListener("pointerdown", (event) => this.#point(event));
    this.track.addEventListener("pointermove", (event) => event.buttons && this.#point(event));
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.#changed());
    for (const name of ["seeked", "timeupdate"]) this.audio.addEventListener(name, () => this.#moved());
    whenSeen(this.track, () => this.draw());
  }

  /** Another sound: the file, and what the browser made of it, which may be nothing. */
  load(blob, sound) {
    this.audio.pause();
    URL.revokeObjectURL(this.audio.src);
    this.sound = sound;
    for (const one of [this.button, this.time, this.track, this.axis]) one.hidden = !sound;
    this.mute.hidden = Boolean(sound);
    if (!sound) return;
    this.audio.src = URL.createObjectURL(blob);
    this.track.setAttribute("aria-valuemin", "0");
    this.track.setAttribute("aria-valuemax", sound.duration.toFixed(1));
    this.draw();
    this.#moved();
  }

  /** Play from a moment on. */
  playFrom(moment) {
    this.audio.currentTime = moment;
    this.#play();
  }

  /** Play or pause. */
  toggle() {
    if (this.audio.paused) this.#play();
    else this.audio.pause();
  }

  /** As large as it is seen now. */
  draw() {
    if (!this.sound || !this.track.clientWidth) return;
    drawWaveform(this.wave, this.sound.samples);
    drawSpectrogram(this.spectrogram, this.sound.samples, this.sound.sampleRate);
    this.#moved();
  }

  /** A pause, or another sound, may come before it has begun. */
  #play() {
    this.audio.play().catch(() => this.#changed());
  }

  #seek(moment) {
    this.audio.currentTime = Math.max(0, Math.min(this.sound.duration, moment));
    this.#moved();
  }

  #key(event) {
    const { audio, sound } = this;
    if (event.key === " ") this.toggle();
    else if (event.key === "Home") this.#seek(0);
    else if (event.key === "End") this.#seek(sound.duration);
    else if (event.key in STEPS) this.#seek(audio.currentTime + STEPS[event.key]);
    else return;
    event.preventDefault();
  }

  #point(event) {
    const { left, width } = this.track.getBoundingClientRect();
    this.#seek(((event.clientX - left) / width) * this.sound.duration);
  }

  #changed() {
    this.button.textContent = this.audio.paused ? "Play" : "Pause";
    if (!this.audio.paused) this.#follow();
  }

  #follow() {
    this.#moved();
    if (!this.audio.paused) requestAnimationFrame(() => this.#follow());
  }

  #moved() {
    if (!this.sound) return;
    const { duration } = this.sound;
    const now = Math.min(this.audio.currentTime, duration);
    this.cursor.style.transform = `translateX(${(now / duration) * this.track.clientWidth}px)`;
    this.time.textContent = `${seconds(now)} of ${seconds(duration)} s`;
    this.track.setAttribute("aria-valuenow", now.toFixed(1));
    this.track.setAttribute("aria-valuetext", `${now.toFixed(1)} of ${duration.toFixed(1)} seconds`);
  }
}
