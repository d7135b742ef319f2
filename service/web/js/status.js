/** How the service does, every second. */

import { drawHistogram } from "./draw/histogram.js";
import { at, count, facts, milliseconds, seconds } from "./parts/dom.js";
import { complain, retryWithKey } from "./parts/notices.js";
import { ask, askModel, reached } from "./service/ask.js";
import { parse, quantile, since } from "./service/metrics.js";

const EVERY_MS = 1000;
const PATIENCE_MS = 3000;
const REMEMBERED_MS = 60_000;
const MIB = 2 ** 20;

let readings = []; // of the last minute, with their times
let goneSince = null;
let engine = ""; // as the metrics told it last

async function look() {
  try {
    const [text, state] = [await textOf("metrics"), await health()];
    const metrics = parse(text);
    const now = Date.now();
    if (goneSince || isAnother(metrics)) readings = []; // a new process counts from nothing
    goneSince = null;
    readings.push({ now, metrics });
    readings = readings.filter((one) => now - one.now <= REMEMBERED_MS + EVERY_MS);
    say(state.text, state.isWell);
    await aboutModel(metrics);
    draw();
  } catch (error) {
    if (error.code !== "unreachable") throw error;
    goneSince ??= new Date();
    engine = "";
    say(`The service cannot be reached since ${goneSince.toLocaleTimeString("en-GB")}. Trying again every second.`, false);
  }
  at("figures").classList.toggle("stale", Boolean(goneSince));
}

const textOf = async (path) => (await ask(path, { signal: AbortSignal.timeout(PATIENCE_MS) })).text();

/** Not ready is an answer too. */
async function health() {
  const response = await reached("readyz", { signal: AbortSignal.timeout(PATIENCE_MS) });
  const { status, reason } = await response.json();
  const text = { ready: "Ready: requests are taken.", draining: "Shutting down: no new work is taken.",
    "no engine": "No engine is at work at the moment." }[status] ?? `Not ready: ${status}.`;
  return { text: reason ? `${text} ${reason}` : text, isWell: response.ok };
}

function isAnother(metrics) {
  const started = (one) => one?.metrics.value("process_start_time_seconds");
  return readings.length > 0 && started(readings.at(-1)) !== started({ metrics });
}

function say(text, isWell) {
  if (at("health").textContent !== text) at("health").textContent = text;
  at("health").classList.toggle("bad", !isWell);
}

/** Asked for again only where the metrics say that another engine is at work. */
async function aboutModel(metrics) {
  const told = JSON.stringify(metrics.all("earshot_engine_info")[0]?.labels ?? null);
  if (told === engine || told === "null") return;
  engine = told;
  try {
    const model = await askModel();
    facts(at("engine"), [
      ["model", `${model.name} ${model.version}`],
      ["engine", `${model.engine.name} ${model.engine.version}`],
      ["precision", model.engine.precision],
      ["device", model.engine.device],
      ["replicas", model.engine.replicas],
      ["largest batch", model.engine.max_batch],
      ["chosen because", model.engine.chosen_because],
      ["accuracy", model.accuracy && `${(100 * model.accuracy).toFixed(1)} %, cross-validated`],
      ["licence", model.license],
    ]);
    complain(null);
  } catch (error) {
    complain(error);
  }
}

function draw() {
  const { now, metrics } = readings.at(-1);
  const first = readings[0];
  const passed = (now - first.now) / 1000;
  const rate = (name) => (passed ? (metrics.sum(name) - first.metrics.sum(name)) / passed : 0);
  facts(at("work"), [
    ["windows", `${rate("earshot_windows_total").toFixed(1)} a second, ${count(metrics.sum("earshot_windows_total"))} in all`],
    ["in flight", count(Math.max(0, metrics.sum("earshot_in_flight") - 1))], // the question itself is one
    ["queue", `${count(metrics.sum("earshot_queue_windows"))} windows`],
    ["oldest waits", milliseconds(1000 * metrics.sum("earshot_queue_age_seconds"))],
    ["predicted wait", milliseconds(1000 * metrics.sum("earshot_predicted_wait_seconds"))],
    ["engines at work", `${metrics.sum("earshot_engines_at_work")} of ${metrics.sum("earshot_engines")}`],
    ["engine busy", `${(100 * rate("earshot_engine_busy_seconds_total")).toFixed(0)} % of one`],
    ["restarts", count(metrics.sum("earshot_engine_restarts_total"))],
    ["live streams", `${count(metrics.sum("earshot_streams"))}, ${count(metrics.sum("earshot_stream_hops_total"))} hops in all`],
    ["memory", `${count(metrics.sum("process_resident_memory_bytes") / MIB)} MiB`],
    ["up for", upFor(now / 1000 - metrics.sum("process_start_time_seconds"))],
  ]);
  drawLatency(metrics, first.metrics);
  const sizes = metrics.buckets("earshot_batch_size");
  drawHistogram(at("batches"), sizes, (edge) => named(edge, String, "more"));
  drawRefusals(metrics);
}

function drawLatency(metrics, earlier) {
  const labels = { stage: at("stage").value };
  const of = (one) => one.buckets("earshot_stage_seconds", labels);
  const buckets = at("span").value === "all" ? of(metrics) : since(of(metrics), of(earlier));
  const [half, most] = [0.5, 0.99].map((share) => quantile(buckets, share));
  const total = buckets.reduce((sum, [, value]) => sum + value, 0);
  at("quantiles").textContent = total
    ? `${count(total)} requests: half within ${milliseconds(1000 * half)}, 99 % within ${milliseconds(1000 * most)}.`
    : "No requests.";
  drawHistogram(at("latency"), buckets, (edge) => named(edge, edgeOf, "more"));
}

const edgeOf = (value) => (value < 1 ? `${Number((1000 * value).toPrecision(3))} ms` : `${Number(value.toPrecision(2))} s`);

const named = (edge, words, beyond) => (
  Number.isFinite(edge) ? { short: words(edge), long: `up to ${words(edge)}` } : { short: beyond, long: beyond });

function drawRefusals(metrics) {
  const refused = metrics.all("earshot_rejected_total").map((one) => [one.labels.code, one.value]).sort();
  const wrong = metrics.all("earshot_requests_total").filter(({ labels }) => /^4/.test(labels.status))
    .reduce((sum, one) => sum + one.value, 0);
  facts(at("refusals"), [
    ...refused.map(([code, value]) => [code.replaceAll("_", " "), count(value)]),
    ["failed by a fault", count(metrics.sum("earshot_failed_total"))],
    ["client had left", count(metrics.sum("earshot_departed_total"))],
    ["4xx in all", count(wrong)],
  ]);
}

function upFor(time) {
  if (time < 120) return `${seconds(time)} s`;
  return time < 7200 ? `${Math.round(time / 60)} min` : `${(time / 3600).toFixed(1)} h`;
}

async function watch() {
  await look().catch(complain);
  setTimeout(watch, EVERY_MS);
}

for (const name of ["stage", "span"]) at(name).addEventListener("change", () => readings.length && draw());
retryWithKey(() => {
  engine = "";
});
watch();
