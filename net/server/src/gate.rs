//! The gate of a connection: who may come in, and as whom. Reads the requests about SASL, has
//! `authentication` decide, and writes its answers; all other requests pass once the client has
//! logged in.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use corelog_cluster::{ScramMechanism, ScramUser};
use corelog_io::{now, sleep, wall_clock_ms};
use corelog_model::ErrorCode;
use corelog_security::exchange::{Credentials, PlainUsers, Proof, TokenLogins};
use corelog_security::jwt::TokenPolicy;
use corelog_security::scram::{Hash, ScramKeys, ScramLogin};
use corelog_security::{Mechanism, Principal, nonce};
use corelog_shard::Shard;
use corelog_wire::frame::EncodedFrame;
use corelog_wire::{
    ApiKey, Message, Reader, RequestHeader, SaslAuthenticateRequest, SaslAuthenticateResponse,
    SaslHandshakeRequest, SaslHandshakeResponse, Text, encode_response,
};

use crate::authentication::{Authentication, SaslInput, SaslOutput};
use crate::delegation::Delegation;
use crate::dispatch::{Started, finish};
use crate::failed_logins::FailedLogins;
use crate::reply::Reply;

/// How clients of a listener log in. The same on all cores.
#[derive(Debug, Clone)]
pub struct SaslSettings {
    /// The mechanisms that are offered (`sasl.enabled.mechanisms`).
    pub mechanisms: Vec<Mechanism>,
    /// Who may log in with PLAIN.
    pub plain: PlainUsers,
    /// Which tokens are accepted.
    pub tokens: Option<TokenPolicy>,
    /// How long a login counts at most (`connections.max.reauth.ms`); `None`: for ever.
    pub login_time_max: Option<Duration>,
    /// The most bytes of a request before the login (`sasl.server.max.receive.size`).
    pub receive_bytes_max: usize,
    /// How late a failed login is answered (`connection.failed.authentication.delay.ms`).
    pub failure_delay: Duration,
    /// From which the salts of unknown users are made: random, made anew at each start.
    pub nobody_secret: [u8; 32],
}

/// The settings of a listener, which may change while it listens. Shared by all cores; touched only
/// when a connection opens.
#[derive(Debug, Clone)]
pub struct SaslGate {
    current: Arc<Mutex<Arc<SaslSettings>>>,
}

impl SaslGate {
    /// A listener with these settings.
    pub fn new(settings: SaslSettings) -> Self {
        Self { current: Arc::new(Mutex::new(Arc::new(settings))) }
    }

    /// Accepts other tokens from the next connection on.
    pub fn replace_tokens(&self, tokens: TokenPolicy) {
        let mut current = self.lock();
        let tokens = Some(tokens);
        *current = Arc::new(SaslSettings { tokens, ..SaslSettings::clone(&current) });
    }

    pub(crate) fn settings(&self) -> Arc<SaslSettings> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<SaslSettings>> {
        self.current.lock().expect("nobody panics while taking a reference")
    }
}

/// What the gate says about a frame.
pub(crate) enum Admitted {
    /// It is a request of whoever stands for the connection.
    Pass,
    /// It was about logging in; this comes of it.
    Answered(Started),
}

/// Where a gate stands.
pub(crate) struct Place {
    pub(crate) peer: IpAddr,
    pub(crate) shard: Shard,
    /// Those of the core.
    pub(crate) failures: Rc<FailedLogins>,
}

/// The gate of one connection.
pub(crate) struct Gate {
    peer: IpAddr,
    shard: Shard,
    failures: Rc<FailedLogins>,
    principal: Rc<Principal>,
    proof: Option<Proof>,
    sasl: Option<(Known, Authentication)>,
}

/// By what clients that log in are checked.
struct Known {
    settings: Arc<SaslSettings>,
    delegation: Option<Delegation>,
}

impl Gate {
    /// A gate for clients that need not log in. `named` is who the client has shown that it is.
    pub(crate) fn open(at: Place, named: Option<Principal>) -> Self {
        let Place { peer, shard, failures } = at;
        let proof = named.as_ref().map(|_| Proof::Own);
        let principal = Rc::new(named.unwrap_or_else(Principal::anonymous));
        Self { peer, shard, failures, principal, proof, sasl: None }
    }

    /// A gate for clients that log in.
    pub(crate) fn closed(
        at: Place,
        settings: Arc<SaslSettings>,
        delegation: Option<Delegation>,
    ) -> Self {
        let Place { peer, shard, failures } = at;
        let authentication =
            Authentication::new(settings.mechanisms.clone(), settings.login_time_max);
        let principal = Rc::new(Principal::anonymous());
        let sasl = Some((Known { settings, delegation }, authentication));
        Self { peer, shard, failures, principal, proof: None, sasl }
    }

    /// Whose requests pass.
    pub(crate) fn principal(&self) -> &Rc<Principal> {
        &self.principal
    }

    /// By what that is shown, if it is.
    pub(crate) fn proof(&self) -> Option<Proof> {
        self.proof
    }

    /// The most bytes of the next frame, while that is less than later.
    pub(crate) fn frame_bytes_max(&self) -> Option<usize> {
        let (known, authentication) = self.sasl.as_ref()?;
        authentication.principal().is_none().then_some(known.settings.receive_bytes_max)
    }

    /// Looks at a frame.
    pub(crate) fn look(&mut self, frame: &[u8]) -> Admitted {
        let Some((known, authentication)) = &mut self.sasl else {
            return look_without_sasl(frame);
        };
        if authentication.expects_raw() {
            let output = step(&self.shard, known, authentication, &SaslInput::Raw(frame));
            return self.answer(output, None);
        }
        let mut reader = Reader::new(frame);
        // A header that cannot be read is told by whoever starts requests.
        let Ok(header) = RequestHeader::decode(&mut reader) else {
            let output = step(&self.shard, known, authentication, &SaslInput::Other);
            return self.answer(output, None);
        };
        let version = header.api_version;
        let unreadable = || Admitted::Answered(Started::Close("its SASL request cannot be read"));
        let output = match header.api {
            ApiKey::SaslHandshake if header.api.info().serves(version) => {
                let Ok(request) = SaslHandshakeRequest::decode(&mut reader, version) else {
                    return unreadable();
                };
                let input = SaslInput::Handshake(version, &request.mechanism);
                step(&self.shard, known, authentication, &input)
            }
            ApiKey::SaslAuthenticate if header.api.info().serves(version) => {
                let Ok(request) = SaslAuthenticateRequest::decode(&mut reader, version) else {
                    return unreadable();
                };
                let input = SaslInput::Authenticate(request.auth_bytes.as_ref());
                step(&self.shard, known, authentication, &input)
            }
            ApiKey::ApiVersions => {
                step(&self.shard, known, authentication, &SaslInput::ApiVersions)
            }
            _ => step(&self.shard, known, authentication, &SaslInput::Other),
        };
        self.answer(output, Some(&header))
    }

    /// Writes what was decided. Without a header the client expects bare bytes.
    fn answer(&mut self, output: SaslOutput, header: Option<&RequestHeader<'_>>) -> Admitted {
        let Some((known, authentication)) = &self.sasl else { return Admitted::Pass };
        let settings = &known.settings;
        if let Some(principal) = authentication.principal() {
            self.principal = Rc::clone(principal);
            self.proof = authentication.proof();
        }
        let reply = match output {
            SaslOutput::Pass => return Admitted::Pass,
            SaslOutput::Close(why) => return Admitted::Answered(Started::Close(why)),
            SaslOutput::Handshake(code) => header.map(|header| handshake(settings, header, code)),
            SaslOutput::Bytes { bytes, lifetime_ms } => Some(match header {
                None => raw(&bytes),
                Some(header) => {
                    let (session_lifetime_ms, auth_bytes) = (lifetime_ms, bytes.as_slice().into());
                    encoded(
                        header,
                        &SaslAuthenticateResponse {
                            auth_bytes,
                            session_lifetime_ms,
                            ..Default::default()
                        },
                    )
                }
            }),
            SaslOutput::Failed { code, why } => {
                self.failures.failed(self.peer, "a client has failed to log in", &why);
                let reply = header.and_then(|header| failure(settings, header, code));
                let delay = settings.failure_delay;
                return Admitted::Answered(Started::LastReply(Box::pin(async move {
                    sleep(delay).await;
                    reply
                })));
            }
        };
        let reply = reply.flatten();
        Admitted::Answered(Started::Reply(Box::pin(std::future::ready(reply))))
    }
}

/// Clients that ask to log in where nobody does are told so, as in Kafka.
fn look_without_sasl(frame: &[u8]) -> Admitted {
    let code = frame.first_chunk().map(|code| i16::from_be_bytes(*code));
    let is_sasl = [ApiKey::SaslHandshake, ApiKey::SaslAuthenticate].map(|api| Some(api.code()));
    if !is_sasl.contains(&code) {
        return Admitted::Pass;
    }
    let Ok(header) = RequestHeader::decode(&mut Reader::new(frame)) else { return Admitted::Pass };
    if !header.api.info().serves(header.api_version) {
        return Admitted::Pass;
    }
    let error_code = ErrorCode::IllegalSaslState.code();
    let reply = if header.api == ApiKey::SaslHandshake {
        encoded(&header, &SaslHandshakeResponse { error_code, ..Default::default() })
    } else {
        let error_message = Some(Text::Borrowed("this listener has no SASL"));
        let response = SaslAuthenticateResponse { error_code, error_message, ..Default::default() };
        encoded(&header, &response)
    };
    Admitted::Answered(Started::Reply(Box::pin(std::future::ready(reply))))
}

fn step(
    shard: &Shard,
    Known { settings, delegation }: &Known,
    authentication: &mut Authentication,
    input: &SaslInput<'_>,
) -> SaslOutput {
    let (image, now_ms) = (shard.image(), wall_clock_ms());
    let scram = |hash: Hash, user: &str| {
        let mechanism = match hash {
            Hash::Sha256 => ScramMechanism::Sha256,
            Hash::Sha512 => ScramMechanism::Sha512,
        };
        let credential = image.scram_credential(&ScramUser { name: user.to_owned(), mechanism })?;
        Some(ScramKeys {
            salt: credential.salt.clone(),
            iterations: credential.iterations.unsigned_abs(),
            stored_key: credential.stored_key.clone(),
            server_key: credential.server_key.clone(),
        })
    };
    let of_token = delegation.as_ref().map(|delegation| {
        |hash: Hash, id: &str| -> ScramLogin {
            delegation.login((hash, id), &image, now_ms, &settings.nobody_secret)
        }
    });
    let known = Credentials {
        plain: &settings.plain,
        scram: &scram,
        delegation: of_token.as_ref().map(|login| login as &TokenLogins<'_>),
        nobody_secret: &settings.nobody_secret,
        tokens: settings.tokens.as_ref(),
        now_ms,
    };
    authentication.step(now(), input, &known, nonce)
}

fn handshake(
    settings: &SaslSettings,
    header: &RequestHeader<'_>,
    code: ErrorCode,
) -> Option<Reply> {
    let names = settings.mechanisms.iter().map(|mechanism| Text::Borrowed(mechanism.name()));
    let mechanisms = names.collect();
    encoded(header, &SaslHandshakeResponse { error_code: code.code(), mechanisms })
}

fn failure(settings: &SaslSettings, header: &RequestHeader<'_>, code: ErrorCode) -> Option<Reply> {
    if header.api == ApiKey::SaslHandshake {
        return handshake(settings, header, code);
    }
    // The same for an unknown user and a wrong password.
    let error_message = Some(Text::Borrowed("Authentication failed due to invalid credentials"));
    let error_code = code.code();
    let response = SaslAuthenticateResponse { error_code, error_message, ..Default::default() };
    encoded(header, &response)
}

fn encoded<'a>(header: &RequestHeader<'_>, response: &impl Message<'a>) -> Option<Reply> {
    finish(encode_response(header.correlation_id, header.api_version, response))
}

/// A frame of bare bytes.
fn raw(bytes: &[u8]) -> Option<Reply> {
    let len = i32::try_from(bytes.len()).ok()?;
    let head = [&len.to_be_bytes()[..], bytes].concat();
    Some(Reply::new(EncodedFrame { head, ..EncodedFrame::default() }))
}
