import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../support/build.ts";

/** Code in a document. */
export interface Block {
  /** Where it is: `docs/replay.md:12`. */
  readonly place: string;
  readonly language: "js" | "ts";
  readonly code: string;
}

/** A document for the users of the package. */
export interface Document {
  /** As in the repository. */
  readonly path: string;
  readonly text: string;
}

/** The read-me and the guides. */
export async function readDocuments(): Promise<Document[]> {
  const names = await readdir(join(ROOT, "docs"));
  const guides = names.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`);
  return Promise.all(
    ["README.md", ...guides].map(async (path) => ({
      path,
      text: await readFile(join(ROOT, path), "utf8"),
    })),
  );
}

/** The JavaScript and TypeScript in a document. */
export function findBlocks({ path, text }: Document): Block[] {
  return [...text.matchAll(/^```(js|ts)\n(.*?)^```$/gms)].map(
    ({ index, 1: language, 2: code }) => ({
      place: `${path}:${text.slice(0, index).split("\n").length + 1}`,
      language: language as "js" | "ts",
      code: code!,
    }),
  );
}

/** The places in this repository to which a document leads, with the heading after `#`. */
export function findLinks({ text }: Document): { path: string; heading: string }[] {
  const prose = text.replace(/^```.*?^```$/gms, "").replace(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$|(?:src|srcset|href)="([^"]+)"/gm)]
    .map(([, inline, reference, attribute]) => inline ?? reference ?? attribute!)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = "", heading = ""] = target.split("#");
      return { path, heading };
    });
}

/** What may stand after `#` in a link to a document. */
export function findHeadings(text: string): string[] {
  return [...text.replace(/^```.*?^```$/gms, "").matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
