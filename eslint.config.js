import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

/**
 * The folders of src and what each may import (relative to src); see CONTRIBUTING.md. Everything
 * that is not listed is forbidden.
 */
const layers = {
  core: ["core"],
  channel: ["channel", "core"],
  redis: ["redis", "channel", "core"],
  "adapters/node": ["adapters/node", "core"],
  "adapters/fetch": ["adapters/fetch", "core"],
  compat: ["compat", "core", "event-endpoint.ts"],
};

/** Forbids every relative import that leaves a folder, except to where it may go. */
function folderRule(folder, allowed) {
  const up = "../".repeat(folder.split("/").length);
  const targets = allowed
    .filter((target) => target !== folder)
    .map(
      (target) => `${up}${target}`.replaceAll(".", "\\.") + (target.endsWith(".ts") ? "$" : "/"),
    );
  const outside = targets.length > 0 ? `^(?!${targets.join("|")})\\.\\./` : "^\\.\\./";
  return importRule([
    { regex: outside, message: `src/${folder} may import only: ${allowed.join(", ")}.` },
    // Types of Node are shapes, and leave nothing behind at run time.
    folder === "adapters/node"
      ? { regex: "^node:", allowTypeImports: true, message: "Only types may come from node:." }
      : { regex: "^node:", message: "This folder runs on every runtime." },
  ]);
}

function importRule(patterns) {
  const always = [
    { regex: "(^|/)index\\.ts$", message: "Index files are for users; import the file itself." },
    { regex: "^(?!node:|\\.)", message: "The package has no runtime dependencies." },
    { regex: "(^|/)(test|bench|demo|examples)/", message: "src does not know its tests." },
  ];
  return {
    "@typescript-eslint/no-restricted-imports": ["error", { patterns: [...patterns, ...always] }],
  };
}

export default tseslint.config(
  { ignores: ["dist/", "bench/node_modules/", "**/*.d.ts", "examples/**/node_modules/"] },
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
  {
    files: ["src/**/*.ts"],
    rules: {
      "no-console": "error",
      ...importRule([{ regex: "^node:", message: "src runs on every runtime." }]),
    },
  },
  { files: ["src/index.ts", "src/*/index.ts"], rules: importRule([]) },
  ...Object.entries(layers).map(([folder, allowed]) => ({
    files: [`src/${folder}/**/*.ts`],
    rules: folderRule(folder, allowed),
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
