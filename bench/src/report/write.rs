//! Puts a report into a folder: the page and, beside it, PNG and CSV of each picture.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{Item, Page, PictureError, Refusal};

/// The page's file in the folder.
const PAGE_NAME: &str = "report.html";

/// Why a report is not written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The data cannot be drawn. Nothing was written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A picture could not be made.
    #[error("{name}: {error}")]
    Picture {
        /// The stem of its file.
        name: String,
        /// Why.
        error: PictureError,
    },
    /// A file could not be written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Writes `report.html`, and `NN-title.png` and `NN-title.csv` for each picture, into a folder,
/// which is made if it is missing. Files of these names are replaced. Gives the page's path.
pub fn write(page: &Page, folder: &Path) -> Result<PathBuf, WriteError> {
    let html = page.html()?;
    let failed = |path: &Path, error| WriteError::Io { path: path.to_owned(), error };
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|error| failed(&path, error))?;
        Ok::<PathBuf, WriteError>(path)
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (name, item) in page.figures() {
        let (png, csv) = match item {
            Item::Chart(chart) => (chart.png(), chart.csv()),
            Item::Bars(bars) => (bars.png(), bars.csv()),
            Item::Table(_) | Item::Settings(_) | Item::Note(_) => continue,
        };
        let png = png.map_err(|error| WriteError::Picture { name: name.clone(), error })?;
        put(&format!("{name}.png"), &png)?;
        put(&format!("{name}.csv"), csv.as_bytes())?;
    }
    put(PAGE_NAME, html.as_bytes())
}
