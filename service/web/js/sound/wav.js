/** Samples from -1 to 1 as a WAV file of 16 bits. */

const HEAD = 44;

export function wav(pieces, sampleRate) {
  const size = 2 * pieces.reduce((sum, piece) => sum + piece.length, 0);
  const file = new DataView(new ArrayBuffer(HEAD + size));
  const word = (place, text) => [...text].forEach((sign, i) => file.setUint8(place + i, sign.charCodeAt(0)));
  word(0, "RIFF");
  file.setUint32(4, HEAD - 8 + size, true);
  word(8, "WAVEfmt ");
  file.setUint32(16, 16, true);
  file.setUint16(20, 1, true); // PCM
  file.setUint16(22, 1, true); // mono
  file.setUint32(24, sampleRate, true);
  file.setUint32(28, 2 * sampleRate, true);
  file.setUint16(32, 2, true);
  file.setUint16(34, 16, true);
  word(36, "data");
  file.setUint32(40, size, true);
  let place = HEAD;
  for (const piece of pieces) {
    for (const value of piece) {
      file.setInt16(place, 32767 * Math.max(-1, Math.min(1, value)), true);
      place += 2;
    }
  }
  return file.buffer;
}
