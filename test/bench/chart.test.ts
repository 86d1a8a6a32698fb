import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createBarChart } from "../../bench/chart.js";

const read = (name: string) =>
  readFileSync(new URL(`../../bench/${name}`, import.meta.url), "utf8");

/** Takes XML apart: what is wrong with its tags, and its elements. */
function readElements(xml: string) {
  const open: string[] = [];
  const elements: { name: string; attributes: Record<string, string>; text: string }[] = [];
  for (const [, end, name, rest, self, text] of xml.matchAll(
    /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<>&]*(?:&(?:amp|lt|gt|quot);[^"<>&]*)*")*)\s*(\/?)>([^<]*)/g,
  )) {
    if (end) expect(open.pop()).toBe(name);
    else {
      const pairs = [...rest!.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, key, value]) => [
        key,
        value,
      ]);
      elements.push({ name: name!, attributes: Object.fromEntries(pairs), text: text! });
      if (!self) open.push(name!);
    }
  }
  expect(open).toEqual([]);
  // Nothing was left out: every "<" begins a tag of the above, and "&" an entity.
  expect(xml.split("<").length - 1).toBe(elements.length + xml.split("</").length - 1);
  expect(xml.replace(/&(amp|lt|gt|quot);/g, "")).not.toContain("&");
  return elements;
}

/** The bars with their label before and their value behind, as they are drawn. */
function readBars(xml: string) {
  const elements = readElements(xml);
  return elements.flatMap(({ name, attributes }, index) =>
    name === "rect"
      ? {
          label: elements[index - 1]!.text,
          value: elements[index + 1]!.text,
          width: Number(attributes["width"]),
          isOurs: attributes["class"]!.includes("ours"),
        }
      : [],
  );
}

describe("the chart of the benchmarks", () => {
  const content = {
    title: 'One <event> to "all" & sundry',
    unit: "µs",
    caption: "a machine",
    bars: [
      { label: "a < b", value: 2, isOurs: false },
      { label: "ours", value: 5.26, isOurs: true },
      { label: "c & d", value: 40, isOurs: false },
    ],
  };

  it("is well-formed, whatever the text", () => {
    const names = new Set(readElements(createBarChart(content)).map(({ name }) => name));
    expect(names).toEqual(new Set(["svg", "style", "text", "line", "rect"]));
  });

  it("has a bar for each value, as long as it says", () => {
    const bars = readBars(createBarChart(content));
    expect(bars.map(({ label, value, isOurs }) => [label, value, isOurs])).toEqual([
      ["a &lt; b", "2.0", false],
      ["ours", "5.3", true],
      ["c &amp; d", "40.0", false],
    ]);
    const perUnit = bars.map(({ width }, index) => width / content.bars[index]!.value);
    for (const each of perUnit) expect(each).toBeCloseTo(perUnit[2]!, 1);
  });

  it.each([0.03, 1, 7, 10, 99, 12_345])(
    "has four to ten steps that reach the greatest value: %d",
    (value) => {
      const bars = [{ label: "a", value, isOurs: true }];
      const elements = readElements(createBarChart({ ...content, bars }));
      const lines = elements.filter(({ name }) => name === "line");
      const rect = elements.find(({ name }) => name === "rect")!;
      const end = Number(rect.attributes["x"]) + Number(rect.attributes["width"]);
      expect(lines.length - 1).toBeGreaterThanOrEqual(4);
      expect(lines.length - 1).toBeLessThanOrEqual(11);
      expect(Number(lines.at(-1)!.attributes["x1"])).toBeGreaterThanOrEqual(end - 0.1);
    },
  );

  it("has colours for light and for dark pages", () => {
    const style = readElements(createBarChart(content)).find(({ name }) => name === "style")!;
    expect(style.text).toMatch(
      /text {[^}]*fill: #1f2328.*prefers-color-scheme: dark.*fill: #f0f6fc/s,
    );
  });

  // The first run writes both.
  const results = read("RESULTS.md");
  it.runIf(results.includes("fan-out.svg"))("shows the numbers of the results", () => {
    const bars = readBars(read("fan-out.svg"));
    const rows = results
      .split("\n## Fan-out")[1]!
      .split("\n## ")[0]!
      .matchAll(/^\| (.+?) +\| +([\d.]+) \|/gm);
    const costs = [...rows].map(([, label, cost]) => [label!.replaceAll("`", ""), Number(cost)]);
    expect(bars.length).toBeGreaterThan(5);
    expect(bars.map(({ label }) => label).sort()).toEqual(costs.map(([label]) => label).sort());
    for (const { label, value } of bars) {
      expect(Math.abs(Number(value) - Number(Object.fromEntries(costs)[label]))).toBeLessThan(0.06);
    }
  });
});
