//! Logins with delegation tokens: the key that tokens are made with, and the keys of SCRAM that
//! were computed of it. They take milliseconds each, so the last ones are remembered.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use corelog_cluster::ClusterImage;
use corelog_cluster::decide::delegation_tokens::TokenTimes;
use corelog_security::delegation::{DelegationKey, is_token_id};
use corelog_security::scram::{Hash, ScramKeys, ScramLogin};

/// How many keys are remembered: one for each token and each hash that it logs in with.
const KEYS_MAX: usize = 8192;

/// What a broker with delegation tokens has. Shared by all cores; touched only where a client logs
/// in with a token, or asks about tokens.
#[derive(Clone)]
pub struct Delegation(Arc<Shared>);

struct Shared {
    key: DelegationKey,
    times: TokenTimes,
    remembered: Mutex<Remembered>,
}

impl fmt::Debug for Delegation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delegation").field("times", &self.0.times).finish_non_exhaustive()
    }
}

impl Delegation {
    /// Tokens are made with this key and live so long.
    pub fn new(key: DelegationKey, times: TokenTimes) -> Self {
        let remembered = Mutex::new(Remembered::default());
        Self(Arc::new(Shared { key, times, remembered }))
    }

    pub(crate) fn key(&self) -> &DelegationKey {
        &self.0.key
    }

    pub(crate) fn times(&self) -> TokenTimes {
        self.0.times
    }

    /// What the token of this id is checked by. One that does not exist or has expired costs the
    /// same, and has the salt of a user that does not exist: nothing tells which tokens there are.
    pub(crate) fn login(
        &self,
        (hash, id): (Hash, &str),
        image: &ClusterImage,
        now_ms: i64,
        nobody_secret: &[u8],
    ) -> ScramLogin {
        let nobody = ScramKeys::of_nobody(hash, id, nobody_secret);
        if !is_token_id(id) {
            return ScramLogin { keys: nobody, identity: None };
        }
        let keys = self.keys((hash, id), nobody.salt);
        match image.delegation_token(id).filter(|token| !token.is_expired(now_ms)) {
            Some(token) => ScramLogin::of_token(keys, &token.owner, token.expires_ms),
            None => ScramLogin { keys, identity: None },
        }
    }

    fn keys(&self, (hash, id): (Hash, &str), salt: Vec<u8>) -> ScramKeys {
        let name = (hash, id.to_owned());
        let lock = || self.0.remembered.lock().expect("nobody panics while looking up keys");
        if let Some(known) = lock().keys.get(&name) {
            return known.clone();
        }
        // Not under the lock: others log in meanwhile.
        let keys = self.0.key.scram_keys(hash, id, salt);
        lock().insert(name, keys.clone());
        keys
    }
}

/// Keys of tokens, those that were computed first are forgotten first.
#[derive(Default)]
struct Remembered {
    keys: BTreeMap<(Hash, String), ScramKeys>,
    order: VecDeque<(Hash, String)>,
}

impl Remembered {
    fn insert(&mut self, name: (Hash, String), keys: ScramKeys) {
        if self.keys.insert(name.clone(), keys).is_some() {
            return;
        }
        self.order.push_back(name);
        while self.order.len() > KEYS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use corelog_cluster::{DelegationToken, MetadataRecord};
    use corelog_security::Secret;
    use corelog_security::delegation::new_token_id;

    use super::*;

    const NOBODY: &[u8] = b"secret";

    fn delegation() -> Delegation {
        Delegation::new(DelegationKey::new(&Secret::new("key")), TokenTimes::default())
    }

    fn image(id: &str) -> ClusterImage {
        let token = DelegationToken {
            id: id.to_owned(),
            owner: "alice".to_owned(),
            requester: "alice".to_owned(),
            renewers: Vec::new(),
            issued_ms: 0,
            expires_ms: 100,
            ends_ms: 200,
        };
        let record = MetadataRecord::DelegationTokenSet { token };
        ClusterImage::empty().fold(&[record]).unwrap()
    }

    #[test]
    fn a_token_logs_in_as_its_owner_until_it_expires() {
        let (id, delegation) = (new_token_id(), delegation());
        let image = image(&id);
        let login = |now_ms| delegation.login((Hash::Sha256, &id), &image, now_ms, NOBODY);
        let identity = login(99).identity.unwrap();
        assert_eq!((identity.user.as_str(), identity.expires_ms), ("alice", Some(100)));
        assert_eq!(login(100).identity, None);
        assert_eq!(login(99).keys, login(100).keys, "the keys do not tell");
    }

    #[test]
    fn unknown_tokens_look_like_known_ones_and_like_unknown_users() {
        let (id, delegation) = (new_token_id(), delegation());
        let login =
            |id: &str, image: &ClusterImage| delegation.login((Hash::Sha512, id), image, 0, NOBODY);
        let unknown = login(&id, &ClusterImage::empty());
        assert_eq!(unknown.identity, None);
        assert_eq!(unknown.keys, login(&id, &image(&id)).keys);
        assert_eq!(unknown.keys.salt, ScramKeys::of_nobody(Hash::Sha512, &id, NOBODY).salt);
        let nobody = ScramKeys::of_nobody(Hash::Sha512, "alice", NOBODY);
        assert_eq!(login("alice", &ClusterImage::empty()).keys, nobody, "no token is called so");
    }

    #[test]
    fn the_number_of_keys_that_are_remembered_is_bounded() {
        let keys = ScramKeys::of_nobody(Hash::Sha256, "any", NOBODY);
        let mut remembered = Remembered::default();
        for number in 0..2 * KEYS_MAX {
            remembered.insert((Hash::Sha256, number.to_string()), keys.clone());
        }
        assert_eq!((remembered.keys.len(), remembered.order.len()), (KEYS_MAX, KEYS_MAX));
        assert!(!remembered.keys.contains_key(&(Hash::Sha256, "0".to_owned())));
    }
}
