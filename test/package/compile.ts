import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import ts from "typescript";
import { expect } from "vitest";
import { ROOT } from "../support/build.ts";
import type { Consumer } from "./consumer.ts";

const STRICT: ts.CompilerOptions = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  target: ts.ScriptTarget.ES2022,
  moduleDetection: ts.ModuleDetectionKind.Force,
  typeRoots: [join(ROOT, "node_modules", "@types")],
};

/** The declarations of the language, which are the same for all programs, and large. */
const parsed = new Map<string, ts.SourceFile | undefined>();

/** Checks some files, by their names and contents, in a project that has the package. */
export async function compile(
  consumer: Consumer,
  files: Record<string, string>,
  options: ts.CompilerOptions,
): Promise<Check> {
  const folder = await mkdtemp(join(consumer.folder, "program-"));
  const paths = Object.keys(files).map((name) => join(folder, name));
  await Promise.all(Object.values(files).map((text, index) => writeFile(paths[index]!, text)));
  const merged = { ...STRICT, ...options };
  const host = ts.createCompilerHost(merged);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (path, mode, ...rest) => {
    if (!/[\\/]typescript[\\/]lib[\\/]/.test(path)) return read(path, mode, ...rest);
    if (!parsed.has(path)) parsed.set(path, read(path, mode, ...rest));
    return parsed.get(path);
  };
  return new Check(folder, ts.createProgram(paths, merged, host));
}

/** What the compiler says about a program. */
export class Check {
  readonly #folder: string;
  readonly #program: ts.Program;

  constructor(folder: string, program: ts.Program) {
    this.#folder = folder;
    this.#program = program;
  }

  /** What is wrong with one file, as people see it. */
  errorsIn(name: string): string[] {
    return this.#errors(this.#file(name));
  }

  /** What is wrong with the options and with the package's declarations. */
  errorsOfPackage(): string[] {
    const files = this.#program
      .getSourceFiles()
      .filter(({ fileName }) => /node_modules[\\/]event-endpoint[\\/]/.test(fileName));
    expect(files.length).toBeGreaterThan(1);
    const global = [
      ...this.#program.getOptionsDiagnostics(),
      ...this.#program.getGlobalDiagnostics(),
    ];
    return [...global.map(toText), ...files.flatMap((file) => this.#errors(file))];
  }

  /** The names that one file gets from a module, the values before the types. */
  namesFrom(name: string, module: string): string[] {
    const checker = this.#program.getTypeChecker();
    const statement = this.#file(name).statements.find(
      (node) =>
        ts.isImportDeclaration(node) && (node.moduleSpecifier as ts.StringLiteral).text === module,
    ) as ts.ImportDeclaration;
    const symbol = checker.getSymbolAtLocation(statement.moduleSpecifier)!;
    const isType = (item: ts.Symbol) => {
      const { flags } = item.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(item) : item;
      return (flags & ts.SymbolFlags.Value) === 0;
    };
    const exports = checker.getExportsOfModule(symbol);
    const names = (type: boolean) =>
      exports
        .filter((item) => isType(item) === type)
        .map((item) => item.name)
        .sort();
    return [...names(false), ...names(true)];
  }

  #file(name: string): ts.SourceFile {
    return this.#program.getSourceFile(join(this.#folder, name))!;
  }

  #errors(file: ts.SourceFile): string[] {
    const syntax = this.#program.getSyntacticDiagnostics(file);
    return [...syntax, ...this.#program.getSemanticDiagnostics(file)].map(toText);
  }
}

function toText({ file, start = 0, messageText }: ts.Diagnostic): string {
  const line = file ? file.text.slice(0, start).split("\n").length : 0;
  const source = file?.text.split("\n")[line - 1]?.trim() ?? "";
  return `${ts.flattenDiagnosticMessageText(messageText, " ")} [${source}]`;
}
