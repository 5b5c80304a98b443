//! Fuzz targets: one function for each parser that meets bytes from outside, a socket or a disk. A
//! target panics when a promise is broken; refusing its input is never a failure. libFuzzer calls
//! them (`fuzz_targets/`), and so does the seeded runner of the tests, which needs no nightly
//! compiler. What an input makes a parser allocate is bounded too: a length that is believed before
//! its bytes are there shows as memory long before it shows as a crash.

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

/// How many bytes may be allocated at a time for each byte of an input.
pub const MEMORY_PER_BYTE: u64 = 16;
const MIB: u64 = 1 << 20;

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
    /// What an input may make it allocate at most, beside [`MEMORY_PER_BYTE`]: caps that the parser
    /// is given, and what its surroundings take, such as the simulated machine of `recovery`.
    pub memory_bytes_max: u64,
    /// Mutated inputs that a test run tries.
    pub smoke_inputs: u64,
}

macro_rules! targets {
    ($(
        $name:ident: $module:ident::$run:ident,
            up to $bytes:literal in $memory:expr, $inputs:literal inputs;
    )*) => {
        /// All of them.
        pub const TARGETS: &[Target] = &[$(
            Target {
                name: stringify!($name),
                run: $module::$run,
                made: $module::seeds::$run,
                found: include_str!(concat!("../seeds/", stringify!($name), ".hex")),
                input_bytes_max: $bytes,
                memory_bytes_max: $memory,
                smoke_inputs: $inputs,
            },
        )*];
    };
}

targets! {
    wire_frame: wire::frame, up to 4096 in MIB, 200_000 inputs;
    wire_request: wire::request, up to 4096 in MIB, 400_000 inputs;
    wire_response: wire::response, up to 4096 in MIB, 400_000 inputs;
    batch: batch::batch, up to 8192 in MIB, 200_000 inputs;
    compressed: compressed::compressed, up to 8192 in MIB, 100_000 inputs;
    journal_frame: journal::frame, up to 16_384 in MIB, 100_000 inputs;
    recovery: recovery::recovery, up to 512 in 16 * MIB, 3_000 inputs;
    index: index::index, up to 4096 in MIB, 200_000 inputs;
    checkpoint: checkpoint::checkpoint, up to 4096 in MIB, 200_000 inputs;
    metadata: metadata::metadata, up to 4096 in MIB, 200_000 inputs;
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
    ///
    /// # Panics
    /// If a promise is broken, that about memory included.
    pub fn check(&self, input: &[u8]) {
        self.weigh(input);
    }

    /// Tries one input and gives the memory that it took at most at a time, in bytes. What this
    /// thread asks Rust's allocator for is counted, which is all that parsers do.
    ///
    /// # Panics
    /// As [`Target::check`].
    pub fn weigh(&self, input: &[u8]) -> u64 {
        let input = &input[..input.len().min(self.input_bytes_max)];
        let taken = allocation_counter::measure(|| (self.run)(input)).bytes_max;
        let allowed = self.memory_bytes_max + MEMORY_PER_BYTE * input.len() as u64;
        let len = input.len();
        assert!(taken <= allowed, "{len} bytes take {taken} of memory, {allowed} allowed");
        taken
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Believes the length that its input begins with.
    fn believe(input: &[u8]) {
        let Some((length, _)) = input.split_first_chunk() else { return };
        let bytes: Vec<u8> = Vec::with_capacity(u32::from_be_bytes(*length) as usize);
        std::hint::black_box(bytes);
    }

    const CREDULOUS: Target = Target {
        name: "credulous",
        run: believe,
        made: Vec::new,
        found: "",
        input_bytes_max: 4,
        memory_bytes_max: MIB,
        smoke_inputs: 0,
    };

    #[test]
    fn what_an_input_is_worth_may_be_taken() {
        CREDULOUS.check(&[]);
        CREDULOUS.check(&(MIB as u32 + 64).to_be_bytes());
    }

    #[test]
    #[should_panic(expected = "4 bytes take 1048641 of memory, 1048640 allowed")]
    fn memory_for_a_length_that_is_believed_is_noticed() {
        CREDULOUS.check(&(MIB as u32 + 65).to_be_bytes());
    }
}
