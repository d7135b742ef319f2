/** What the browser makes of a file, to be drawn and played; the service decodes for itself. */

const RATE = 32000;

/** Mono samples, or null if this browser does not know the format. */
export async function decoded(bytes) {
  try {
    const buffer = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes.slice(0));
    return { samples: mono(buffer), sampleRate: buffer.sampleRate, duration: buffer.duration };
  } catch {
    return null;
  }
}

function mono(buffer) {
  if (buffer.numberOfChannels === 1) return buffer.getChannelData(0);
  const mixed = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const samples = buffer.getChannelData(channel);
    for (let i = 0; i < mixed.length; i += 1) mixed[i] += samples[i] / buffer.numberOfChannels;
  }
  return mixed;
}
