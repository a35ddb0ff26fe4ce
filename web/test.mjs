// Runs the unit tests: bundles each src/**/*.test.ts for Node and hands it to Node's test runner.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { languages } from "./build.mjs";

const ROOT = dirname(fileURLToPath(import.meta.url));
const OUT = join(ROOT, "node_modules", ".tests");

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
const sources = readdirSync(join(ROOT, "src"), { recursive: true })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join("src", name));
await build({
  absWorkingDir: ROOT,
  entryPoints: sources,
  outdir: OUT,
  outExtension: { ".js": ".mjs" },
  outbase: "src",
  bundle: true,
  format: "esm",
  platform: "node",
  plugins: [languages()],
  logLevel: "warning",
});
const tests = sources.map((name) => join(OUT, name.slice("src/".length).replace(/\.ts$/, ".mjs")));
const { status } = spawnSync(process.execPath, ["--test", ...tests], { stdio: "inherit" });
process.exit(status ?? 1);
