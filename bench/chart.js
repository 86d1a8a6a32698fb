/** A bar chart as SVG, for pages that may be light or dark. */

const WIDTH = 760;
const LABEL_WIDTH = 240;
const VALUE_WIDTH = 60;
const ROW = 28;
const BAR = 18;
const HEAD = 56;
const FOOT = 58;

/** The page behind it is GitHub's, whose colours these are; see `prefers-color-scheme`. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .quiet { font-size: 11px; fill: #59636e }
  .bar { fill: #8c959f }
  .ours { fill: #0969da }
  .grid { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .quiet { fill: #9198a1 }
    .bar { fill: #656c76 }
    .ours { fill: #4493f8 }
    .grid { stroke: #3d444d }
  }
`;

/**
 * Draws one horizontal bar for each value, from zero.
 *
 * @param {{
 *   title: string,
 *   unit: string,
 *   caption: string,
 *   bars: { label: string, value: number, isOurs: boolean }[],
 * }} content
 * @returns {string}
 */
export function createBarChart({ title, unit, caption, bars }) {
  const plotWidth = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  const step = pickStep(Math.max(...bars.map(({ value }) => value)));
  const steps = Math.ceil(Math.max(...bars.map(({ value }) => value)) / step);
  const scale = plotWidth / (steps * step);
  const bottom = HEAD + bars.length * ROW;
  const ticks = Array.from({ length: steps + 1 }, (_, index) => {
    const x = round(LABEL_WIDTH + index * step * scale);
    return [
      `<line class="grid" x1="${x}" y1="${HEAD}" x2="${x}" y2="${bottom}"/>`,
      `<text class="quiet" x="${x}" y="${bottom + 16}" text-anchor="middle">${index * step}</text>`,
    ].join("\n");
  });
  const rows = bars.map(({ label, value, isOurs }, index) => {
    const y = HEAD + index * ROW + (ROW - BAR) / 2;
    const width = round(value * scale);
    const middle = y + BAR - 4.5;
    return [
      `<text x="${LABEL_WIDTH - 10}" y="${middle}" text-anchor="end">${escape(label)}</text>`,
      `<rect class="${isOurs ? "bar ours" : "bar"}" x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR}"/>`,
      `<text x="${round(LABEL_WIDTH + width + 6)}" y="${middle}">${value.toFixed(1)}</text>`,
    ].join("\n");
  });
  const height = bottom + FOOT;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(`${title}: ${unit}`)}">
<style>${STYLE}</style>
<text class="title" x="10" y="22">${escape(title)}</text>
<text class="quiet" x="10" y="42">${escape(caption)}</text>
${ticks.join("\n")}
${rows.join("\n")}
<text class="quiet" x="${LABEL_WIDTH + plotWidth / 2}" y="${bottom + 38}" text-anchor="middle">${escape(`${unit} (less is better)`)}</text>
</svg>
`;
}

/** A round number that goes into the greatest value four to ten times. */
function pickStep(greatest) {
  const power = 10 ** Math.floor(Math.log10(greatest / 4));
  return [1, 2, 5, 10].map((factor) => factor * power).findLast((step) => greatest / step >= 4);
}

function round(value) {
  return Number(value.toFixed(1));
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
