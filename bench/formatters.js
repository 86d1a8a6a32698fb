/**
 * Ways to make the text of one event from `data` and `fields`, as fixtures.js gives them. Each is
 * loaded by a function, in a process of its own.
 */
import { build } from "esbuild";

export const FORMATTERS = {
  concatenation: {
    label: "concatenation without checks",
    load: () => concatenate,
  },
  "split-and-join": {
    label: "`split`, `join` and concatenation without checks",
    load: () => (data, fields) => concatenate(data.split("\n").join("\ndata: "), fields),
  },
  "event-endpoint": {
    label: "event-endpoint",
    /** What `send()` does with its arguments: check the fields, then format. */
    async load() {
      const { formatMessage, readFields } = await bundle(
        `export { formatMessage, readFields } from "../src/core/frame.ts";`,
      );
      return (data, fields) => formatMessage(data, readFields(fields));
    },
  },
  "better-sse": {
    label: "better-sse `EventBuffer`",
    async load() {
      const { EventBuffer } = await import("better-sse");
      const buffer = new EventBuffer({ serializer: (data) => data });
      return (data, fields) => {
        buffer.clear();
        if (typeof fields === "string") buffer.push(data, "message", fields);
        else buffer.push(data, fields.event, fields.id);
        return buffer.read();
      };
    },
  },
};

function concatenate(data, fields) {
  return typeof fields === "string"
    ? `id: ${fields}\ndata: ${data}\n\n`
    : `event: ${fields.event}\nid: ${fields.id}\ndata: ${data}\n\n`;
}

/** Formatting is no public API: it is taken from the sources, compiled as for the package. */
async function bundle(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname, loader: "ts" },
    bundle: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}
