/** The microphone as it is: without the filters by which browsers make speech of all they hear. */

import { Problem } from "../service/ask.js";

const UNFILTERED = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const WHY = {
  NotAllowedError: "The browser does not allow this page to use the microphone: see its settings for this address.",
  NotFoundError: "There is no microphone here.",
  NotReadableError: "The microphone is in use by another program.",
};

/** Opens it; `heard` gets every piece, `gone` is told if it is pulled out. */
export async function openMicrophone(heard, gone) {
  if (!navigator.mediaDevices) {
    throw new Problem("Browsers give the microphone only to https://, or to http://localhost and http://127.0.0.1.");
  }
  const stream = await allowed();
  const context = new AudioContext();
  const close = () => {
    stream.getTracks().forEach((track) => track.stop());
    return context.close();
  };
  try {
    await context.audioWorklet.addModule(new URL("capture.js", import.meta.url));
    await context.resume();
  } catch (error) {
    await close();
    throw error;
  }
  const capture = new AudioWorkletNode(context, "capture", { channelCount: 1, channelCountMode: "explicit" });
  capture.port.onmessage = ({ data }) => heard(data);
  context.createMediaStreamSource(stream).connect(capture).connect(context.destination); // which stays silent
  stream.getTracks()[0].addEventListener("ended", gone);
  return { sampleRate: context.sampleRate, close };
}

async function allowed() {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: UNFILTERED });
  } catch (error) {
    throw new Problem(WHY[error.name] ?? `The microphone cannot be opened: ${error.message}`);
  }
}
