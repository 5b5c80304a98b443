//! The server's side of SCRAM.

use super::{Hash, MESSAGE_BYTES_MAX, ScramKeys, decode, encode, is_nonce, value};
use crate::exchange::{Refusal, Step};

/// One exchange, from the first message of the client to the last of the server.
#[derive(Debug)]
pub struct ScramServer {
    hash: Hash,
    nonce: String,
    state: State,
}

#[derive(Debug)]
enum State {
    First,
    Final {
        user: String,
        keys: ScramKeys,
        is_known: bool,
        gs2: String,
        messages: String,
        nonce: String,
    },
    Done,
}

impl ScramServer {
    /// An exchange. `nonce` is the server's part: random and printable, without commas.
    pub fn new(hash: Hash, nonce: String) -> Self {
        assert!(is_nonce(&nonce), "a nonce is printable");
        Self { hash, nonce, state: State::First }
    }

    /// Takes a message. `keys_of` gives the keys of a user, or those of nobody and false.
    pub fn step(
        &mut self,
        message: &[u8],
        keys_of: impl FnOnce(&str) -> (ScramKeys, bool),
    ) -> Result<Step, Refusal> {
        let text = str::from_utf8(message).ok().filter(|text| text.len() <= MESSAGE_BYTES_MAX);
        let text = text.ok_or(Refusal::Malformed)?;
        match std::mem::replace(&mut self.state, State::Done) {
            State::First => self.first(text, keys_of),
            State::Final { user, keys, is_known, gs2, messages, nonce } => {
                let (bare, proof) = text.rsplit_once(",p=").ok_or(Refusal::Malformed)?;
                let mut parts = bare.split(',');
                let binding = value(parts.next(), "c").ok_or(Refusal::Malformed)?;
                let sent = value(parts.next(), "r").ok_or(Refusal::Malformed)?;
                // The whole nonce: else a message of another exchange could be sent again.
                if decode(binding).as_deref() != Some(gs2.as_bytes()) || sent != nonce {
                    return Err(Refusal::Malformed);
                }
                let proof = decode(proof).ok_or(Refusal::Malformed)?;
                let messages = format!("{messages},{bare}");
                // Computed for nobody as well, so that both take the same time.
                let is_right = keys.accept(self.hash, messages.as_bytes(), &proof);
                let signature = self.hash.sign(&keys.server_key, messages.as_bytes());
                if !is_right || !is_known {
                    return Err(Refusal::WrongCredentials);
                }
                let message = format!("v={}", encode(&signature)).into_bytes();
                Ok(Step::Done { message, user, expires_ms: None })
            }
            State::Done => Err(Refusal::Malformed),
        }
    }

    fn first(
        &mut self,
        text: &str,
        keys_of: impl FnOnce(&str) -> (ScramKeys, bool),
    ) -> Result<Step, Refusal> {
        let mut parts = text.splitn(3, ',');
        let flag = parts.next().ok_or(Refusal::Malformed)?;
        let authzid = parts.next().ok_or(Refusal::Malformed)?;
        let bare = parts.next().ok_or(Refusal::Malformed)?;
        // "p" asks for a binding to the TLS channel, which is not offered.
        if flag != "n" && flag != "y" {
            return Err(Refusal::Malformed);
        }
        let mut parts = bare.split(',');
        let user = unescape(value(parts.next(), "n").ok_or(Refusal::Malformed)?)?;
        let sent = value(parts.next(), "r").filter(|nonce| is_nonce(nonce));
        let sent = sent.ok_or(Refusal::Malformed)?;
        // Extensions: mandatory ones, and Kafka's logins with delegation tokens, are not known.
        if parts.any(|extension| extension.starts_with("m=") || extension == "tokenauth=true") {
            return Err(Refusal::Malformed);
        }
        let acts_for = match authzid.strip_prefix("a=") {
            Some(name) => unescape(name)?,
            None if authzid.is_empty() => user.clone(),
            None => return Err(Refusal::Malformed),
        };
        if user.is_empty() || acts_for != user {
            return Err(Refusal::OtherUser);
        }
        let (keys, is_known) = keys_of(&user);
        let nonce = format!("{sent}{}", self.nonce);
        let reply = format!("r={nonce},s={},i={}", encode(&keys.salt), keys.iterations);
        let messages = format!("{bare},{reply}");
        let gs2 = format!("{flag},{authzid},");
        self.state = State::Final { user, keys, is_known, gs2, messages, nonce };
        Ok(Step::Challenge(reply.into_bytes()))
    }
}

/// A name as SCRAM writes it: commas and equals signs are escaped.
fn unescape(text: &str) -> Result<String, Refusal> {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('=') {
        name.push_str(before);
        let (sign, behind) = if let Some(behind) = behind.strip_prefix("2C") {
            (',', behind)
        } else if let Some(behind) = behind.strip_prefix("3D") {
            ('=', behind)
        } else {
            return Err(Refusal::Malformed);
        };
        name.push(sign);
        rest = behind;
    }
    name.push_str(rest);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::super::{SALT_BYTES, ScramClient};
    use super::*;
    use crate::Secret;

    fn keys(hash: Hash) -> ScramKeys {
        let salt = b"salt".to_vec();
        let salted = hash.salted(&Secret::new("pass"), &salt, 4096.try_into().unwrap());
        ScramKeys::of_salted(hash, &salted, salt, 4096)
    }

    /// The whole exchange of a client that believes in this password; the user if it comes in.
    fn log_in(hash: Hash, user: &str, password: &str) -> Result<String, Refusal> {
        let mut client = ScramClient::new(hash, user, Secret::new(password), "client".to_owned());
        let mut server = ScramServer::new(hash, "server".to_owned());
        let known = |name: &str| match name {
            "a,b=c" => (keys(hash), true),
            name => (ScramKeys::of_nobody(hash, name, b"x"), false),
        };
        let Step::Challenge(challenge) = server.step(&client.first(), known)? else {
            panic!("the server asks for a proof")
        };
        let answer = client.answer(&challenge).unwrap();
        let Step::Done { message, user, .. } = server.step(&answer, |_| unreachable!())? else {
            panic!("the server is done")
        };
        client.finish(&message).unwrap();
        assert!(server.step(&answer, known).is_err(), "nothing follows");
        Ok(user)
    }

    #[test]
    fn who_knows_the_password_comes_in() {
        for hash in [Hash::Sha256, Hash::Sha512] {
            assert_eq!(log_in(hash, "a,b=c", "pass"), Ok("a,b=c".to_owned()));
            assert_eq!(log_in(hash, "a,b=c", "past"), Err(Refusal::WrongCredentials));
            assert_eq!(log_in(hash, "other", "pass"), Err(Refusal::WrongCredentials));
        }
    }

    #[test]
    fn nobody_is_asked_for_a_proof_as_everybody_and_refused_at_the_same_step() {
        for hash in [Hash::Sha256, Hash::Sha512] {
            // As credentials are made unless somebody wants them otherwise.
            let salt = vec![7; SALT_BYTES];
            let salted = hash.salted(&Secret::new("pass"), &salt, 4096.try_into().unwrap());
            let somebody = ScramKeys::of_salted(hash, &salted, salt, 4096);
            let nobody = ScramKeys::of_nobody(hash, "u", b"x");
            let asked = |keys: (ScramKeys, bool)| {
                let mut client =
                    ScramClient::new(hash, "u", Secret::new("past"), "client".to_owned());
                let mut server = ScramServer::new(hash, "server".to_owned());
                let Ok(Step::Challenge(challenge)) = server.step(&client.first(), |_| keys) else {
                    panic!("the server asks for a proof")
                };
                let refused = server.step(&client.answer(&challenge).unwrap(), |_| unreachable!());
                let challenge = String::from_utf8(challenge).unwrap();
                let lengths = challenge.split(',').map(str::len).collect::<Vec<_>>();
                let rounds = challenge.rsplit(',').next().map(str::to_owned);
                (lengths, rounds, refused)
            };
            let expected = Err(Refusal::WrongCredentials);
            assert_eq!(asked((nobody.clone(), false)).2, expected);
            assert_eq!(asked((nobody, false)), asked((somebody, true)));
        }
    }

    fn first(message: &str) -> Result<Step, Refusal> {
        let mut server = ScramServer::new(Hash::Sha256, "server".to_owned());
        server.step(message.as_bytes(), |_| (keys(Hash::Sha256), true))
    }

    #[test]
    fn first_messages_that_are_none_are_refused() {
        for message in [
            "",
            "n,,",
            "n,,n=u",
            "n,,n=u,r=",
            "n,,r=x,n=u",
            "p=tls-unique,,n=u,r=x",
            "x,,n=u,r=x",
            "n,b=u,n=u,r=x",
            "n,,n=u=2X,r=x",
            "n,,n=u,r=a b",
            "n,,m=x,n=u,r=x",
            "n,,n=u,r=x,m=y",
            "n,,n=u,r=x,tokenauth=true",
        ] {
            assert_eq!(first(message), Err(Refusal::Malformed), "{message}");
        }
        assert_eq!(first("n,,n=,r=x"), Err(Refusal::OtherUser));
        assert_eq!(first("n,a=admin,n=u,r=x"), Err(Refusal::OtherUser));
        assert!(first("n,a=u,n=u,r=x").is_ok() && first("y,,n=u,r=x,e=x").is_ok());
        let long = format!("n,,n={},r=x", "u".repeat(MESSAGE_BYTES_MAX));
        assert_eq!(first(&long), Err(Refusal::Malformed));
    }

    #[test]
    fn a_proof_counts_only_for_its_own_exchange() {
        let mut client =
            ScramClient::new(Hash::Sha256, "u", Secret::new("pass"), "client".to_owned());
        let run = |change: &dyn Fn(String) -> String, client: &mut ScramClient| {
            let mut server = ScramServer::new(Hash::Sha256, "server".to_owned());
            let begun = server.step(&client.first(), |_| (keys(Hash::Sha256), true));
            let Ok(Step::Challenge(challenge)) = begun else { panic!("{begun:?}") };
            let answer = String::from_utf8(client.answer(&challenge).unwrap()).unwrap();
            server.step(change(answer).as_bytes(), |_| unreachable!())
        };
        assert!(run(&|answer| answer, &mut client).is_ok());
        let malformed: [&dyn Fn(String) -> String; 4] = [
            &|answer| answer.replace("r=clientserver", "r=client"),
            &|answer| answer.replace("c=biws", "c=eSws"),
            &|answer| answer.replace(",p=", ",q="),
            &|answer| answer.replace(",p=", ",p=!"),
        ];
        for change in malformed {
            assert_eq!(run(change, &mut client), Err(Refusal::Malformed));
        }
        let cut = |answer: String| format!("{},p=AAAA", answer.rsplit_once(",p=").unwrap().0);
        assert_eq!(run(&cut, &mut client), Err(Refusal::WrongCredentials));
    }
}
