//! The server's side of SCRAM.

use super::{
    Hash, MESSAGE_BYTES_MAX, ScramIdentity, ScramLogin, ScramName, TOKEN_EXTENSION, decode, encode,
    is_nonce, value,
};
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
    Final { login: ScramLogin, gs2: String, messages: String, nonce: String },
    Done,
}

impl ScramServer {
    /// An exchange. `nonce` is the server's part: random and printable, without commas.
    pub fn new(hash: Hash, nonce: String) -> Self {
        assert!(is_nonce(&nonce), "a nonce is printable");
        Self { hash, nonce, state: State::First }
    }

    /// Takes a message. `login_of` gives what a name is checked by.
    pub fn step(
        &mut self,
        message: &[u8],
        login_of: impl FnOnce(ScramName<'_>) -> ScramLogin,
    ) -> Result<Step, Refusal> {
        let text = str::from_utf8(message).ok().filter(|text| text.len() <= MESSAGE_BYTES_MAX);
        let text = text.ok_or(Refusal::Malformed)?;
        match std::mem::replace(&mut self.state, State::Done) {
            State::First => self.first(text, login_of),
            State::Final { login: ScramLogin { keys, identity }, gs2, messages, nonce } => {
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
                let Some(identity) = identity.filter(|_| is_right) else {
                    return Err(Refusal::WrongCredentials);
                };
                let message = format!("v={}", encode(&signature)).into_bytes();
                let ScramIdentity { user, expires_ms, proof } = identity;
                Ok(Step::Done { message, user, expires_ms, proof })
            }
            State::Done => Err(Refusal::Malformed),
        }
    }

    fn first(
        &mut self,
        text: &str,
        login_of: impl FnOnce(ScramName<'_>) -> ScramLogin,
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
        let mut has_token = false;
        for extension in parts {
            // None of the mandatory ones is known.
            if extension.starts_with("m=") {
                return Err(Refusal::Malformed);
            }
            has_token |= extension.eq_ignore_ascii_case(TOKEN_EXTENSION);
        }
        let acts_for = match authzid.strip_prefix("a=") {
            Some(name) => unescape(name)?,
            None if authzid.is_empty() => user.clone(),
            None => return Err(Refusal::Malformed),
        };
        if user.is_empty() || acts_for != user {
            return Err(Refusal::OtherUser);
        }
        let name =
            if has_token { ScramName::DelegationToken(&user) } else { ScramName::User(&user) };
        let login = login_of(name);
        let keys = &login.keys;
        let nonce = format!("{sent}{}", self.nonce);
        let reply = format!("r={nonce},s={},i={}", encode(&keys.salt), keys.iterations);
        let messages = format!("{bare},{reply}");
        let gs2 = format!("{flag},{authzid},");
        self.state = State::Final { login, gs2, messages, nonce };
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
    use super::super::{SALT_BYTES, ScramClient, ScramKeys};
    use super::*;
    use crate::Secret;
    use crate::exchange::Proof;

    fn keys(hash: Hash) -> ScramKeys {
        let salt = b"salt".to_vec();
        let salted = hash.salted(&Secret::new("pass"), &salt, 4096.try_into().unwrap());
        ScramKeys::of_salted(hash, &salted, salt, 4096)
    }

    /// The whole exchange of a user that believes in this password; the user if it comes in.
    fn log_in(hash: Hash, user: &str, password: &str) -> Result<String, Refusal> {
        let client = ScramClient::new(hash, user, Secret::new(password), "client".to_owned());
        exchange(hash, client).map(|(user, _, _)| user)
    }

    /// As whom a client comes in, until when, and by what.
    fn exchange(
        hash: Hash,
        mut client: ScramClient,
    ) -> Result<(String, Option<i64>, Proof), Refusal> {
        let mut server = ScramServer::new(hash, "server".to_owned());
        let known = |name: ScramName<'_>| match name {
            ScramName::User(name @ "a,b=c") => ScramLogin::of_user(keys(hash), name),
            ScramName::DelegationToken("a,b=c") => ScramLogin::of_token(keys(hash), "owner", 7),
            ScramName::User(name) | ScramName::DelegationToken(name) => {
                let keys = ScramKeys::of_nobody(hash, name, b"x");
                ScramLogin { keys, identity: None }
            }
        };
        let Step::Challenge(challenge) = server.step(&client.first(), known)? else {
            panic!("the server asks for a proof")
        };
        let answer = client.answer(&challenge).unwrap();
        let Step::Done { message, user, expires_ms, proof } =
            server.step(&answer, |_| unreachable!())?
        else {
            panic!("the server is done")
        };
        client.finish(&message).unwrap();
        assert!(server.step(&answer, known).is_err(), "nothing follows");
        Ok((user, expires_ms, proof))
    }

    #[test]
    fn who_has_a_delegation_token_comes_in_as_its_owner_until_it_ends() {
        for hash in [Hash::Sha256, Hash::Sha512] {
            let log_in = |id, password| {
                let password = Secret::new(password);
                let client = ScramClient::new(hash, id, password, "client".to_owned());
                exchange(hash, client.with_token())
            };
            let owner = ("owner".to_owned(), Some(7), Proof::DelegationToken);
            assert_eq!(log_in("a,b=c", "pass"), Ok(owner));
            assert_eq!(log_in("a,b=c", "past"), Err(Refusal::WrongCredentials));
            assert_eq!(log_in("other", "pass"), Err(Refusal::WrongCredentials));
        }
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
            let asked = |login: ScramLogin| {
                let mut client =
                    ScramClient::new(hash, "u", Secret::new("past"), "client".to_owned());
                let mut server = ScramServer::new(hash, "server".to_owned());
                let Ok(Step::Challenge(challenge)) = server.step(&client.first(), |_| login) else {
                    panic!("the server asks for a proof")
                };
                let refused = server.step(&client.answer(&challenge).unwrap(), |_| unreachable!());
                let challenge = String::from_utf8(challenge).unwrap();
                let lengths = challenge.split(',').map(str::len).collect::<Vec<_>>();
                let rounds = challenge.rsplit(',').next().map(str::to_owned);
                (lengths, rounds, refused)
            };
            let nobody = || ScramLogin { keys: nobody.clone(), identity: None };
            assert_eq!(asked(nobody()).2, Err(Refusal::WrongCredentials));
            assert_eq!(asked(nobody()), asked(ScramLogin::of_user(somebody, "u")));
        }
    }

    /// Whoever it is, it is known.
    fn user(name: ScramName<'_>) -> ScramLogin {
        let (ScramName::User(name) | ScramName::DelegationToken(name)) = name;
        ScramLogin::of_user(keys(Hash::Sha256), name)
    }

    fn first(message: &str) -> Result<Step, Refusal> {
        let mut server = ScramServer::new(Hash::Sha256, "server".to_owned());
        server.step(message.as_bytes(), user)
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
            let begun = server.step(&client.first(), user);
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
