//! Fuzz targets: one function for each parser that meets bytes from outside, a socket or a disk. A
//! target panics when a promise is broken; refusing its input is never a failure. libFuzzer calls
//! them (`fuzz_targets/`), and so does the seeded runner of the tests, which needs no nightly
//! compiler.

pub mod batch;
pub mod checkpoint;
pub mod compressed;
mod damage;
pub mod index;
pub mod journal;
pub mod metadata;
pub mod mutation;
pub mod recovery;
pub mod seeds;
pub mod wire;

/// One parser under test.
pub struct Target {
    /// Its name, which is that of its libFuzzer program too.
    pub name: &'static str,
    /// Panics when the parser breaks a promise.
    run: fn(&[u8]),
    /// Inputs made by our own writers.
    made: fn() -> Vec<Vec<u8>>,
    /// Inputs that fuzzing found: one a line, in hexadecimal.
    found: &'static str,
    /// Longer inputs are cut: they show nothing new and take time.
    pub input_bytes_max: usize,
    /// Mutated inputs that a test run tries.
    pub smoke_inputs: u64,
}

macro_rules! targets {
    ($(
        $name:ident: $module:ident::$run:ident, up to $bytes:literal, $inputs:literal inputs;
    )*) => {
        /// All of them.
        pub const TARGETS: &[Target] = &[$(
            Target {
                name: stringify!($name),
                run: $module::$run,
                made: $module::seeds::$run,
                found: include_str!(concat!("../seeds/", stringify!($name), ".hex")),
                input_bytes_max: $bytes,
                smoke_inputs: $inputs,
            },
        )*];
    };
}

targets! {
    wire_frame: wire::frame, up to 4096, 200_000 inputs;
    wire_request: wire::request, up to 4096, 400_000 inputs;
    wire_response: wire::response, up to 4096, 400_000 inputs;
    batch: batch::batch, up to 8192, 200_000 inputs;
    compressed: compressed::compressed, up to 8192, 100_000 inputs;
    journal_frame: journal::frame, up to 16_384, 100_000 inputs;
    recovery: recovery::recovery, up to 512, 3_000 inputs;
    index: index::index, up to 4096, 200_000 inputs;
    checkpoint: checkpoint::checkpoint, up to 4096, 200_000 inputs;
    metadata: metadata::metadata, up to 4096, 200_000 inputs;
}

/// The target of this name.
///
/// # Panics
/// If there is none.
pub fn target(name: &str) -> &'static Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("there is no fuzz target {name}"))
}

impl Target {
    /// Tries one input.
    pub fn check(&self, input: &[u8]) {
        (self.run)(&input[..input.len().min(self.input_bytes_max)]);
    }

    /// The inputs that mutation begins with.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let found = self.found.lines().map(|line| {
            seeds::from_hex(line)
                .unwrap_or_else(|| panic!("{}: not hexadecimal: {line}", self.name))
        });
        (self.made)().into_iter().chain(found).collect()
    }
}
