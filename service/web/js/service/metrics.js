/** Reads Prometheus' text, and what histograms of it say. */

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Every sample: its name, labels and value. */
export function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    const found = line.startsWith("#") ? null : LINE.exec(line);
    if (!found) continue;
    const labels = Object.fromEntries([...(found[2] ?? "").matchAll(LABEL)].map(([, name, value]) => (
      [name, value.replace(/\\(.)/g, (_, sign) => (sign === "n" ? "\n" : sign))])));
    samples.push({ name: found[1], labels, value: Number(found[3].replace("Inf", "Infinity")) });
  }
  return new Metrics(samples);
}

/** What was read at one moment. */
export class Metrics {
  constructor(samples) {
    this.samples = samples;
  }

  /** Those of one name, with these labels. */
  all(name, labels = {}) {
    return this.samples.filter((one) => (
      one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value)));
  }

  /** The value of one of them; null if there is none. */
  value(name, labels) {
    return this.all(name, labels)[0]?.value ?? null;
  }

  /** Of all of them. */
  sum(name, labels) {
    return this.all(name, labels).reduce((sum, one) => sum + one.value, 0);
  }

  /** [upper edge, how many], in order; how many in each, not up to each as Prometheus has it. */
  buckets(name, labels) {
    const upTo = this.all(`${name}_bucket`, labels)
      .map((one) => [Number(one.labels.le.replace("+Inf", "Infinity")), one.value])
      .sort(([a], [b]) => a - b);
    return upTo.map(([edge, value], i) => [edge, value - (i ? upTo[i - 1][1] : 0)]);
  }
}

/** What came between two readings; all of the later one if there is no earlier. */
export function since(later, earlier) {
  const before = new Map(earlier ?? []);
  return later.map(([edge, value]) => [edge, Math.max(0, value - (before.get(edge) ?? 0))]);
}

/** The value below which this share lies, taken as evenly spread within each bucket; null if there is nothing. */
export function quantile(buckets, share) {
  const total = buckets.reduce((sum, [, value]) => sum + value, 0);
  if (!total) return null;
  let left = share * total;
  let low = 0;
  for (const [edge, value] of buckets) {
    if (left <= value && value > 0) return Number.isFinite(edge) ? low + (edge - low) * (left / value) : low;
    left -= value;
    low = edge;
  }
  return low;
}
