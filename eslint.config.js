import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

/**
 * What each part of src may import (relative to src); see CONTRIBUTING.md. Everything that is not
 * listed is forbidden.
 */
const layers = {
  "core/": ["core/"],
  "channel/": ["channel/", "core/"],
  "redis/": ["redis/", "channel/", "core/"],
  "adapters/node/": ["adapters/node/", "core/"],
  "adapters/fetch/": ["adapters/fetch/", "core/"],
  "testing/": ["testing/", "channel/", "core/"],
  "compat/": ["compat/", "core/", "event-endpoint.ts"],
  "event-endpoint.ts": ["adapters/", "core/"],
  "event-handler.ts": ["adapters/", "core/", "event-endpoint.ts"],
  "index.ts": ["adapters/", "channel/", "core/", "event-endpoint.ts", "event-handler.ts"],
};

/** Forbids every relative import of a part, except those to where it may go. */
function layerRule(part, allowed) {
  const up = part.includes("/") ? "../".repeat(part.split("/").length - 1) : "./";
  const targets = allowed.map((target) =>
    // Within its folder, a file is named from there.
    (target === part ? "./[^./]" : up + target).replaceAll(".", "\\.").replace("[^\\./]", "[^./]"),
  );
  const patterns = [
    {
      regex: `^(?!${targets.join("|")})\\.`,
      message: `src/${part} may import only: ${allowed.join(", ")}.`,
    },
    { regex: "(^|/)index\\.ts$", message: "Index files are for users; import the file itself." },
    // Types of Node are shapes, and leave nothing behind at run time.
    part === "adapters/node/"
      ? { regex: "^node:", allowTypeImports: true, message: "Only types may come from node:." }
      : { regex: "^node:", message: "The package runs on every runtime." },
    { regex: "^(?!node:|\\.)", message: "The package has no runtime dependencies." },
  ];
  return {
    "@typescript-eslint/no-restricted-imports": ["error", { patterns }],
    // These would go around the rule.
    "no-restricted-syntax": ["error", "ImportExpression", "TSImportType"],
  };
}

export default tseslint.config(
  {
    ignores: [
      "**/dist/",
      "**/.next/",
      "bench/node_modules/",
      "**/*.d.ts",
      "examples/**/node_modules/",
      // What it imports is installed with the examples; a test compiles it.
      "examples/nest/",
    ],
  },
  eslint.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      // `void` says that a promise never rejects; arrow functions may return what they call.
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/no-meaningless-void-operator": "off",
      "@typescript-eslint/no-invalid-void-type": "off",
      "@typescript-eslint/no-empty-function": "off",
    },
  },
  { files: ["src/**/*.ts"], rules: { "no-console": "error" } },
  ...Object.entries(layers).map(([part, allowed]) => ({
    files: [part.endsWith("/") ? `src/${part}**/*.ts` : `src/${part}`],
    rules: layerRule(part, allowed),
  })),
  {
    files: ["test/**/*.ts"],
    rules: {
      // Tests hand over wrong values on purpose.
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-unnecessary-condition": "off",
      "@typescript-eslint/unbound-method": "off",
    },
  },
  {
    files: ["**/*.js", "**/*.mjs"],
    languageOptions: {
      globals: Object.fromEntries(
        [
          "process",
          "Deno",
          "Bun",
          "console",
          "fetch",
          "Request",
          "Response",
          "Headers",
          "URL",
          "AbortController",
          "AbortSignal",
          "setTimeout",
          "setInterval",
          "setImmediate",
          "clearTimeout",
          "clearInterval",
          "performance",
          "Buffer",
          "EventSource",
          "document",
          "window",
          "location",
          "TextEncoder",
          "TextDecoder",
          "TextDecoderStream",
          "ReadableStream",
          "globalThis",
          "requestAnimationFrame",
          "matchMedia",
          "devicePixelRatio",
          "ResizeObserver",
          "getComputedStyle",
          "queueMicrotask",
          "structuredClone",
          "MessageEvent",
          "CustomEvent",
        ].map((name) => [name, "readonly"]),
      ),
    },
  },
);
