/** Markdown of what was measured, laid out as Prettier would. */
import { compare, summarize } from "./measure.js";
import { SERVERS } from "./servers/index.js";

/**
 * @typedef {{ columns: string[], rows: string[][] }} Table the first column is text, the others are
 *   numbers
 * @typedef {{ name: string, most: number, measured: number, sure: boolean }} Line of the
 *   specification
 * @typedef {{ title: string, text: string, tables: Table[], lines: Line[], chart?: Chart }} Section
 * @typedef {object} Chart
 * @property {string} file name, in this folder
 * @property {string} title
 * @property {string} unit of the values
 * @property {{ label: string, value: number, isOurs: boolean }[]} bars
 */

/**
 * Makes the table of a scenario that delivers events.
 *
 * @param {Map<string, import("./measure.js").Measurement[]>} results
 * @param {string[]} bases whom the others are compared with
 * @returns {Table}
 */
export function createDeliveryTable(results, bases) {
  const rows = [...results].map(([name, measurements]) => {
    const summary = summarize(measurements);
    const { readerShare, readerLimited } = summary;
    return [
      SERVERS[name].label,
      ...formatSummary(summary, 1, 2),
      ...bases.map((base) => formatRatio(compare(measurements, results.get(base)))),
      `${Math.round(readerShare * 100)} %${readerLimited ? " (bottleneck)" : ""}`,
    ];
  });
  const ratios = bases.map((name) => `× ${SERVERS[name].label}`);
  return { columns: ["server", "µs", "spread", ...ratios, "reader"], rows };
}

/**
 * Makes the whole report.
 *
 * @param {{ title: string, facts: [string, string][], method: string[] }} head
 * @param {Section[]} sections
 */
export function formatReport({ title, facts, method }, sections) {
  const lines = sections.flatMap((section) => section.lines);
  const blocks = [
    `# ${title}`,
    "Written by `npm run bench`; not to be edited.",
    facts.map(([name, value]) => `- ${name}: ${value}`).join("\n"),
    "## How it is measured",
    method.map((text) => `- ${text}`).join("\n"),
    "## The lines of the specification",
    formatTable({
      columns: ["line", "at most", "measured", "reached"],
      rows: lines.map(formatLine),
    }),
    ...sections.map(formatSection),
  ];
  return `${blocks.join("\n\n")}\n`;
}

/**
 * The cells for one line.
 *
 * @param {Line} line
 */
export function formatLine({ name, most, measured, sure }) {
  const reached = measured <= most ? "yes" : "no";
  const shown = formatRatio({ ratio: measured, sure });
  return [name, formatNumber(most, 2), shown, sure ? reached : "machine was busy"];
}

/** @param {Section} section */
export function formatSection({ title, text, tables, chart }) {
  const image = chart ? [`![${chart.title}, ${chart.unit}](${chart.file})`] : [];
  return [`## ${title}`, text, ...image, ...tables.map(formatTable)].join("\n\n");
}

/**
 * The cells for the median and the spread.
 *
 * @param {ReturnType<typeof summarize>} summary
 * @param {number} scale of the unit: 1 for µs, 1000 for ns
 * @param {number} digits
 */
export function formatSummary({ cost, least, most, sharedRounds, rounds }, scale, digits) {
  const spread = `${formatNumber(least * scale, digits)} – ${formatNumber(most * scale, digits)}`;
  const shared = sharedRounds > 0 ? ` (${sharedRounds} of ${rounds} shared)` : "";
  return [formatNumber(cost * scale, digits), spread + shared];
}

export function formatNumber(value, digits) {
  return value.toFixed(digits);
}

/** @param {{ ratio: number, sure: boolean }} comparison */
export function formatRatio({ ratio, sure }) {
  return formatNumber(ratio, 2) + (sure ? "" : " ?");
}

/** @param {Table} table */
function formatTable({ columns, rows }) {
  const widths = columns.map((column, index) =>
    Math.max(3, ...[columns, ...rows].map((row) => row[index].length)),
  );
  const formatRow = (cells) => {
    const padded = cells.map((cell, index) =>
      index === 0 ? cell.padEnd(widths[index]) : cell.padStart(widths[index]),
    );
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, index) =>
    index === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [formatRow(columns), `| ${rule.join(" | ")} |`, ...rows.map(formatRow)].join("\n");
}
