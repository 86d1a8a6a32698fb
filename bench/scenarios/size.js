import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { formatNumber } from "../report.js";

const BUNDLES = [
  {
    label: "event-endpoint, `import { EventEndpoint }`",
    contents: 'export { EventEndpoint } from "../dist/index.js";',
    most: 5,
  },
  {
    label: "event-endpoint, all of the main entry",
    contents: 'export * from "../dist/index.js";',
    most: 8,
  },
  { label: "better-sse, all of it", contents: 'export * from "better-sse";' },
  {
    label: "@ayonli/jsext/sse, `import { EventEndpoint }`",
    contents: 'export { EventEndpoint } from "@ayonli/jsext/sse";',
  },
  { label: "@ayonli/jsext/sse, all of it", contents: 'export * from "@ayonli/jsext/sse";' },
];

export async function run() {
  const rows = [];
  const lines = [];
  for (const { label, contents, most } of BUNDLES) {
    const { minified, gzipped } = await measure(contents);
    rows.push([label, formatNumber(minified / 1000, 1), formatNumber(gzipped / 1000, 2)]);
    if (most) lines.push({ name: `${label}, kB`, most, measured: gzipped / 1000, sure: true });
  }
  return {
    title: "Size",
    text: "esbuild, es2022, minified, then gzip -9; 1 kB = 1000 B. Modules of Node are left out.",
    tables: [{ columns: ["bundle", "kB minified", "kB gzipped"], rows }],
    lines,
  };
}

async function measure(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: `${import.meta.dirname}/..` },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    write: false,
  });
  const { contents: code } = outputFiles[0];
  return { minified: code.length, gzipped: gzipSync(code, { level: 9 }).length };
}
