//! PNG from a chart's own SVG, with the font of this repository, so that both are one picture.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use thiserror::Error;

use super::{Bars, Chart, Refusal};

/// Roboto, Apache-2.0, cut to the letters that reports need; see `font/README.md`.
pub(super) const REGULAR: &[u8] = include_bytes!("font/Roboto-Regular.ttf");
pub(super) const BOLD: &[u8] = include_bytes!("font/Roboto-Bold.ttf");

/// Pixels for each unit of the SVG: sharp on screens of high density and in print.
const PIXELS: f32 = 2.0;

/// Why there is no picture.
#[derive(Debug, Error)]
pub enum PictureError {
    /// The data cannot be drawn.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The SVG could not be read back.
    #[error("the drawing is not read: {0}")]
    Unread(#[from] resvg::usvg::Error),
    /// The picture could not be encoded.
    #[error("the picture is not encoded: {0}")]
    Unencoded(String),
}

impl Chart {
    /// The chart as PNG, light, 1760 pixels wide.
    pub fn png(&self) -> Result<Vec<u8>, PictureError> {
        render(&self.svg()?)
    }
}

impl Bars {
    /// The bars as PNG, light, 1760 pixels wide.
    pub fn png(&self) -> Result<Vec<u8>, PictureError> {
        render(&self.svg()?)
    }
}

fn render(svg: &str) -> Result<Vec<u8>, PictureError> {
    static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(REGULAR.to_vec());
        fonts.load_font_data(BOLD.to_vec());
        Arc::new(fonts)
    });
    let options = Options { fontdb: Arc::clone(&FONTS), ..Options::default() };
    let tree = Tree::from_str(svg, &options)?;
    let size = tree.size();
    let (width, height) = ((size.width() * PIXELS) as u32, (size.height() * PIXELS) as u32);
    let too_large = || PictureError::Unencoded(format!("{width} x {height} is too large"));
    let mut pixels = Pixmap::new(width, height).ok_or_else(too_large)?;
    resvg::render(&tree, Transform::from_scale(PIXELS, PIXELS), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PictureError::Unencoded(error.to_string()))
}
