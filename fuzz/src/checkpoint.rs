//! The checkpoint file of a core.

use corelog_log::checkpoint::Checkpoint;

/// The first byte says whether the checksum is made right.
pub fn checkpoint(input: &[u8]) {
    let Some((&mode, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if mode & 1 == 1 {
        seal_again(&mut bytes);
    }
    let Ok(found) = Checkpoint::decode(&bytes) else { return };
    let again = Checkpoint::decode(&found.encode());
    assert_eq!(again.as_ref(), Ok(&found), "what was read can be written and read again");
}

/// Makes the checksum at the end right.
pub(crate) fn seal_again(bytes: &mut [u8]) {
    if let Some((body, crc)) = bytes.split_last_chunk_mut::<4>() {
        *crc = crc32c::crc32c(body).to_le_bytes();
    }
}

pub(crate) mod seeds {
    use super::Checkpoint;

    pub(crate) fn checkpoint() -> Vec<Vec<u8>> {
        let real = crate::recovery::checkpoint_file();
        let empty = Checkpoint::default().encode();
        vec![[&[0], &*real].concat(), [&[1], &*real].concat(), [&[1], &*empty].concat()]
    }
}
