// Builds the pages into dist/: bundles, hashes and precompresses them and writes the manifest that
// crates/pages reads. `node build.mjs` does all of it; `--no-check` leaves the type check out.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const ROOT = dirname(fileURLToPath(import.meta.url));
const DIST = join(ROOT, "dist");

/** What noVNC needs, and besides that: dialogs, and a CSP whose connect-src covers WebSockets. */
const TARGET = ["chrome89", "firefox98", "safari15.4"];

const CONTENT_TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/**
 * Each has a script and a style of its name. Pages of a group share files: the viewer and the player
 * have noVNC in common. Others are one file each, which is there sooner than many small ones.
 */
const GROUPS = [["viewer", "recordings"], ["wall"], ["status"], ["login"]];

/** Stands at the head of every script, since noVNC's licence asks to say where its source is. */
const BANNER =
  "/*! Portway, Apache-2.0. The viewer contains noVNC 1.7.0, unmodified, MPL-2.0, " +
  "source: https://github.com/novnc/noVNC/tree/v1.7.0, and pako, MIT. */";

/** A file below this size is not worth a second representation. */
const COMPRESS_BYTES_MIN = 256;

async function main() {
  if (!process.argv.includes("--no-check")) {
    checkTypes();
  }
  empty(DIST);
  const names = await bundle();
  for (const page of readdirSync(join(ROOT, "pages"))) {
    const template = readFileSync(join(ROOT, "pages", page), "utf8");
    writeFileSync(join(DIST, page), fill(template, names, page));
  }
  writeManifest();
}

function checkTypes() {
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "--project", ROOT], { stdio: "inherit" });
  if (status !== 0) {
    console.error("build: the type check failed");
    process.exit(1);
  }
}

/** Removes what an earlier build left, but not the dot files: they belong to whoever called us. */
function empty(folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(".")) {
      rmSync(join(folder, name), { recursive: true });
    }
  }
}

/** Bundles scripts, styles and pictures; returns source name -> path inside dist. */
async function bundle() {
  const styles = GROUPS.flat().map((page) => `src/styles/${page}.css`);
  const sources = [
    [...styles, "src/assets/icon.svg"],
    ...GROUPS.map((pages) => pages.map((page) => `src/${page}.ts`)),
  ];
  const built = await Promise.all(sources.map(bundleOf));
  const names = new Map();
  for (const [output, { entryPoint, imports }] of built.flatMap(Object.entries)) {
    const path = relative(DIST, join(ROOT, output));
    if (entryPoint) {
      const name = basename(entryPoint).replace(/\.ts$/, ".js");
      names.set(name, path);
      names.set(`${name} preload`, preloads(imports));
    } else if (output.endsWith(".svg")) {
      names.set("icon.svg", path);
    }
  }
  return names;
}

/** Bundles sources that share what they have in common; returns what was written, by its path. */
async function bundleOf(entryPoints) {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints,
    outdir: "dist/assets",
    outbase: "src",
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    loader: { ".svg": "copy" },
    banner: { js: BANNER },
    plugins: [languages()],
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    charset: "utf8",
    target: TARGET,
    metafile: true,
    logLevel: "warning",
    // Top-level await is in noVNC; every browser of TARGET has it.
    supported: { "top-level-await": true },
  });
  return metafile.outputs;
}

/** Links that fetch what a script imports beside it, not after it. */
function preloads(imports) {
  const needed = imports.filter(({ kind, external }) => kind === "import-statement" && !external);
  const paths = needed.map(({ path }) => relative(DIST, join(ROOT, path)));
  return paths.map((path) => `<link rel="modulepreload" href="${path}">`).join("\n");
}

/**
 * Makes each file of src/i18n a language, so that adding a language is adding a file. English is part
 * of each page, since it fills the gaps of the others; they are fetched where they are wanted.
 */
export function languages() {
  const folder = join(ROOT, "src", "i18n");
  const tags = readdirSync(folder)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => name.slice(0, -3));
  const fileOf = (tag) => JSON.stringify(`./src/i18n/${tag}.ts`);
  const lines = tags.map((tag) => {
    const texts = tag === "en" ? "english" : `(await import(${fileOf(tag)})).default`;
    return `${JSON.stringify(tag)}: async () => ${texts}`;
  });
  return {
    name: "languages",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^portway:languages$/ }, ({ path }) => ({ path, namespace: "portway" }));
      onLoad({ filter: /.*/, namespace: "portway" }, () => ({
        contents: `import english from ${fileOf("en")}; export default { ${lines.join(", ")} };`,
        resolveDir: ROOT,
      }));
    },
  };
}

/** Puts the hashed names where a page says {{name}}. */
function fill(template, names, page) {
  return template.replaceAll(/\{\{([\w. ]+)\}\}/g, (_, name) => {
    const path = names.get(name);
    if (path === undefined) {
      throw new Error(`${page} names {{${name}}}, which the build does not make`);
    }
    return path;
  });
}

/**
 * Writes manifest.tsv: path, content type, ETag, whether the name carries a hash (then the file may
 * be cached for ever), whether PATH.gz and PATH.br exist.
 */
function writeManifest() {
  const rows = files(DIST)
    .sort()
    .map((path) => {
      const body = readFileSync(join(DIST, path));
      const etag = createHash("sha256").update(body).digest("hex").slice(0, 16);
      const flags = [path.startsWith("assets/"), ...compress(path, body)].map(Number);
      return [path, CONTENT_TYPES[extname(path)], etag, ...flags].join("\t");
    });
  writeFileSync(join(DIST, "manifest.tsv"), rows.join("\n") + "\n");
  const bytes = files(DIST).filter((p) => p.endsWith(".br"));
  console.log(`build: ${rows.length} files, ${bytes.length} of them precompressed`);
}

function compress(path, body) {
  if (body.length < COMPRESS_BYTES_MIN) {
    return [false, false];
  }
  const brotli = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  const made = {
    gz: gzipSync(body, { level: constants.Z_BEST_COMPRESSION }),
    br: brotliCompressSync(body, { params: brotli }),
  };
  return Object.entries(made).map(([suffix, bytes]) => {
    const smaller = bytes.length < body.length;
    if (smaller) {
      writeFileSync(join(DIST, `${path}.${suffix}`), bytes);
    }
    return smaller;
  });
}

/** All files below `folder` that are served, as paths with slashes. */
function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main();
}
