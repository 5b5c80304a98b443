//! The report of a measurement: plain data in, one HTML file out that says everything without a
//! network, a script or a font of the reader, and beside it every chart as PNG and as CSV.
//!
//! `page`, `chart` and `bars` are the data, `check` refuses what cannot be drawn. `unit` and
//! `ruler` make numbers and axes, `plot`, `legend` and `rows` the pictures, `html`, `picture` and
//! `csv` the files, which `write` puts into a folder.

mod bars;
mod chart;
mod check;
mod csv;
mod html;
mod legend;
mod page;
mod palette;
mod picture;
mod plot;
mod rows;
mod ruler;
mod svg;
mod unit;
mod write;

pub use bars::{Bar, Bars};
pub use chart::{Axis, Chart, Limit, Mark, Scale, Series, Span, Style};
pub use check::Refusal;
pub use page::{Column, Grade, Item, KeyNumber, Page, Section, Settings, Table, Verdict};
pub use picture::PictureError;
pub use unit::Unit;
pub use write::{WriteError, write};
