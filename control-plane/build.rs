//! Puts the built web page into the program: every file below `web/dist`, as it is and compressed. Without one there is none,
//! and the service says how to build it (`src/http/web`).

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

/// What does not become a tenth smaller is not worth a second copy.
const WORTH_TENTHS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("web/dist");
    // Cargo takes a folder that is not there for one that changes all the time. Where it cannot be made, that only costs time.
    let _ = fs::create_dir_all(&folder);
    println!("cargo::rerun-if-changed={}", folder.display());
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files = Vec::new();
    find(&folder, &mut files)?;
    files.sort();
    let mut table = String::from("&[\n");
    for (number, file) in files.iter().enumerate() {
        let parts = file
            .strip_prefix(&folder)?
            .iter()
            .map(|part| part.to_string_lossy());
        let path: String = parts.map(|part| format!("/{part}")).collect();
        let bytes = fs::read(file)?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        let compressed = encoder.finish()?;
        let gzip = if compressed.len() * 10 < bytes.len() * WORTH_TENTHS {
            let kept = out.join(format!("asset-{number}.gz"));
            fs::write(&kept, compressed)?;
            format!("Some(include_bytes!({kept:?}))")
        } else {
            "None".to_owned()
        };
        writeln!(
            table,
            "    Asset {{ path: {path:?}, bytes: include_bytes!({file:?}), gzip: {gzip} }},"
        )?;
    }
    table.push(']');
    fs::write(out.join("web_assets.rs"), table)?;
    Ok(())
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
