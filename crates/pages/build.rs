//! Builds `web/dist` with npm when the web sources have changed, and lists it as Rust.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What the pages are made from, below `web/`.
const SOURCES: [&str; 6] = [
    "src",
    "pages",
    "build.mjs",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
];

/// Holds the hash of the sources that `dist` was built from.
const STAMP: &str = ".stamp";

/// Keeps two builds from running npm in the same folder.
const LOCK: &str = ".lock";

const PREBUILT: &str = "PORTWAY_PAGES";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    match std::env::var_os(PREBUILT) {
        Some(folder) => take_pages(&prebuilt(PathBuf::from(folder))?, &out),
        None => take_built_pages(&web_folder()?, &out),
    }
}

fn web_folder() -> Result<PathBuf> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set")?;
    Ok(Path::new(&here).join("../../web").canonicalize()?)
}

fn prebuilt(folder: PathBuf) -> Result<PathBuf> {
    let folder = folder
        .canonicalize()
        .map_err(|error| format!("{PREBUILT} names {}: {error}", folder.display()))?;
    println!("cargo::rerun-if-changed={}", folder.display());
    Ok(folder)
}

/// Brings `web/dist` up to date and takes it over.
fn take_built_pages(web: &Path, out: &Path) -> Result<()> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", web.join(source).display());
    }
    let dist = web.join("dist");
    fs::create_dir_all(&dist)?;
    let lock = File::create(dist.join(LOCK))?;
    lock.lock()?;
    let hash = format!("{:016x}\n", hash_sources(web)?);
    let stamp = dist.join(STAMP);
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&hash) {
        // A failed build must not pass for the one before it.
        let _ = fs::remove_file(&stamp);
        npm(
            web,
            &[
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--prefer-offline",
            ],
        )?;
        npm(web, &["run", "build"])?;
        fs::write(&stamp, &hash)?;
    }
    take_pages(&dist, out)
}

/// Runs npm in `web`; its output appears only when it fails, as cargo does it for build scripts.
fn npm(web: &Path, arguments: &[&str]) -> Result<()> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let output = Command::new(program)
        .args(arguments)
        .current_dir(web)
        .output();
    let output = output.map_err(|error| {
        format!(
            "The web pages are built with Node.js 18.20 or newer and its npm, which did not start \
             ({error}).\nInstall them (Debian and Ubuntu: apt install nodejs npm; otherwise \
             https://nodejs.org), or set {PREBUILT} to a folder with prebuilt pages: the web/dist \
             of another build of this version."
        )
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "`npm {}` in {} failed ({}).\n{}{}\nWithout a network, set {PREBUILT} to a folder with \
         prebuilt pages.",
        arguments.join(" "),
        web.display(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    )
    .into())
}

/// FNV-1a over names and contents: it must stay the same across compilers, nothing more.
fn hash_sources(web: &Path) -> Result<u64> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(&web.join(source), &mut files)?;
    }
    files.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for part in [&bytes.len().to_le_bytes()[..], bytes] {
            for byte in part {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    };
    for file in files {
        add(file.strip_prefix(web)?.to_string_lossy().as_bytes());
        add(&fs::read(&file)?);
    }
    Ok(hash)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else {
        files.push(path.to_owned());
    }
    Ok(())
}

/// Copies what `manifest.tsv` lists (`web/build.mjs` describes it) into `out`, so that a later
/// build of the pages cannot change them under the compiler, and writes the elements of `PAGES`.
fn take_pages(dist: &Path, out: &Path) -> Result<()> {
    let manifest = dist.join("manifest.tsv");
    let text = fs::read_to_string(&manifest)
        .map_err(|error| format!("{}: {error}; is it a built web/dist?", manifest.display()))?;
    let mut rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    rows.sort();
    let mut list = String::from("[\n");
    for (index, row) in rows.iter().enumerate() {
        let [path, content_type, etag, immutable, gzip, brotli] = row[..] else {
            return Err(format!("{}: a line does not have six fields", manifest.display()).into());
        };
        let take = |suffix: &str| -> Result<String> {
            let name = format!("page{index}{suffix}");
            fs::copy(dist.join(format!("{path}{suffix}")), out.join(&name))?;
            Ok(format!(
                "include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\"))"
            ))
        };
        let variant = |flag, suffix| match flag {
            "1" => take(suffix).map(|bytes| format!("Some({bytes})")),
            _ => Ok("None".to_owned()),
        };
        writeln!(
            list,
            "    Page {{ path: {path:?}, content_type: {content_type:?}, etag: {etag:?}, \
             immutable: {immutable}, body: {body}, gzip: {gzip}, brotli: {brotli} }},",
            etag = format!("\"{etag}\""),
            immutable = immutable == "1",
            body = take("")?,
            gzip = variant(gzip, ".gz")?,
            brotli = variant(brotli, ".br")?,
        )?;
    }
    list.push_str("]\n");
    fs::write(out.join("pages.rs"), list)?;
    Ok(())
}
