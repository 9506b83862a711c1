// Joins src/ into one ES module and one classic script, among the static files of the Django app.
// It understands what src/ uses of modules: `import { a, b } from "./x.js"`, `export` before a declaration,
// and `export { a } from "./x.js"` in index.js. Names at the top level of modules have to differ.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SOURCE = new URL("src/", import.meta.url);
const TARGET = new URL("../../toto_django/static/toto_django/", import.meta.url);
const IMPORT = /^import \{[^}]*\} from "\.\/([\w.]+)";\n/gm;
const REEXPORT = /^export \{([^}]*)\} from "\.\/([\w.]+)";\n/gm;
const { version, license } = JSON.parse(readFileSync(new URL("package.json", import.meta.url)));
const HEADER = `// toto.js ${version}, ${license}. Built by clients/js/build.mjs from clients/js/src.\n`;

/** The texts of the files by their names. */
export function built() {
  const reexports = [...read("index.js").matchAll(REEXPORT)];
  const names = reexports.flatMap(([, names]) => names.match(/\w+/g));
  const parts = new Map();
  for (const [, , file] of reexports) collect(file, parts);
  const code = [...parts.values()].join("\n");
  return {
    "toto.js": `${HEADER}\n${code}\nexport { ${names.join(", ")} };\n`,
    "toto.classic.js":
      `${HEADER}\nglobalThis.Toto = (() => {\n"use strict";\n\n${code}\n` +
      `return { ${names.join(", ")} };\n})();\n`,
  };
}

/** Add a module after those that it imports. */
function collect(file, parts) {
  if (parts.has(file)) return;
  const text = read(file);
  for (const [, imported] of text.matchAll(IMPORT)) collect(imported, parts);
  const code = text.replace(IMPORT, "").replace(/^export (?=(async )?(function|class|const)\b)/gm, "");
  parts.set(file, `// ${file}\n\n${code.trimStart()}`);
}

function read(file) {
  return readFileSync(new URL(file, SOURCE), "utf8");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(built())) writeFileSync(new URL(name, TARGET), text);
}
