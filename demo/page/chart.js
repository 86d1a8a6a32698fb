import { find, show } from "./lists.js";

/** Milliseconds that the chart shows. */
const WINDOW_MS = 60_000;
/** Samples come once a second: between two that are further apart, some are missing. */
const GAP_MS = 2500;

/** The last minute, by the server's clock. */
export class Chart {
  #samples = [];
  /** What the server's clock is ahead of ours. */
  #ahead = 0;

  get isEmpty() {
    return this.#samples.length === 0;
  }

  /** @param isReplay whether these come late */
  add(added, isReplay = false) {
    const newest = this.#samples.at(-1)?.time ?? 0;
    for (const sample of added) {
      if (sample.time > newest) this.#samples.push({ ...sample, isReplay });
    }
    const last = this.#samples.at(-1);
    if (!last) return;
    if (!isReplay) this.#ahead = last.time - performance.now();
    this.#draw(isReplay ? this.#now : last.time);
  }

  /** Lets time pass although nothing comes. */
  moveOn() {
    if (!this.isEmpty) this.#draw(this.#now);
  }

  get #now() {
    return Math.max(performance.now() + this.#ahead, this.#samples.at(-1).time);
  }

  /** One unit to the right is one second, one unit up is one percent. */
  #draw(now) {
    const samples = this.#samples.filter(({ time }) => now - time <= WINDOW_MS);
    // The last one stays for what is written beside the chart.
    this.#samples = samples.length > 0 ? samples : this.#samples.slice(-1);
    const x = (sample) => (60 - (now - sample.time) / 1000).toFixed(2);
    const isNext = (i) => i > 0 && samples[i].time - samples[i - 1].time <= GAP_MS;
    for (const key of ["cpu", "memory"]) {
      const points = samples.map((sample) => `${x(sample)} ${(100 - sample[key]).toFixed(1)}`);
      const line = points.map((point, i) => `${isNext(i) ? "L" : "M"}${point}`).join("");
      find(`${key}-line`).setAttribute("d", line);
      find(`${key}-dot`).setAttribute("d", points.length > 0 ? `M${points.at(-1)}h0` : "");
      if (key === "cpu") find("cpu-area").setAttribute("d", fillBelow(line));
      show(key, percent(this.#samples.at(-1)[key]));
    }
    let band = "";
    samples.forEach((sample, i) => {
      if (sample.isReplay && isNext(i))
        band += `M${x(samples[i - 1])} 0H${x(sample)}V100H${x(samples[i - 1])}Z`;
    });
    find("replay-band").setAttribute("d", band);
    find("legend").hidden = !band;
    find("chart").setAttribute("aria-label", describe(this.#samples, now));
  }
}

/** Closes every piece of a line along the bottom. */
function fillBelow(line) {
  return line.replaceAll(/M([\d.-]+) [^M]*/g, (piece, start) => {
    const end = /([\d.-]+) [\d.-]+$/.exec(piece)[1];
    return `${piece}L${end} 100L${start} 100Z`;
  });
}

/** The chart in words. */
function describe(samples, now) {
  const range = (key) => {
    const values = samples.map((sample) => sample[key]);
    const [min, max] = [Math.min(...values), Math.max(...values)];
    return `${percent(values.at(-1))} now, from ${percent(min)} to ${percent(max)}`;
  };
  const seconds = Math.round((now - samples[0].time) / 1000);
  return `The last ${seconds} seconds. CPU: ${range("cpu")}. Memory: ${range("memory")}.`;
}

function percent(value) {
  return `${value.toFixed(1)} %`;
}
