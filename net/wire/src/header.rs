//! The headers that precede every request and response body.

use crate::{ApiKey, Reader, Request, Text, WireError, Writer};

/// The header version of a request: 2 for flexible versions, else 1.
pub fn request_header_version(api: ApiKey, version: i16) -> i16 {
    if api.info().is_flexible(version) { 2 } else { 1 }
}

/// The header version of a response: 1 for flexible versions, else 0. ApiVersions always answers
/// with 0, so that a client can read the answer to a version the server does not know (KIP-511).
pub fn response_header_version(api: ApiKey, version: i16) -> i16 {
    let flexible = api != ApiKey::ApiVersions && api.info().is_flexible(version);
    i16::from(flexible)
}

/// What precedes the body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// Which API is called.
    pub api: ApiKey,
    /// Its version as sent: not checked, because ApiVersions of an unknown version has an answer.
    pub api_version: i16,
    /// What the response repeats.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<Text<'a>>,
}

impl<'a> RequestHeader<'a> {
    /// The header of a request of type `R`.
    pub fn new<'r, R: Request<'r>>(
        api_version: i16,
        correlation_id: i32,
        client_id: Option<&'a str>,
    ) -> Self {
        Self { api: R::KEY, api_version, correlation_id, client_id: client_id.map(Text::Borrowed) }
    }

    /// Reads a header. An API key outside the table is an error: without its row, nobody knows
    /// where the header ends.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let key = reader.i16()?;
        let api_version = reader.i16()?;
        let correlation_id = reader.i32()?;
        let Some(api) = ApiKey::from_code(key) else {
            return Err(WireError::UnknownApi { key, version: api_version });
        };
        // The client id stays a string of 16-bit length in header version 2.
        let client_id = reader.text(false)?;
        if request_header_version(api, api_version) == 2 {
            reader.skip_tagged_fields()?;
        }
        Ok(Self { api, api_version, correlation_id, client_id })
    }

    /// Writes the header.
    pub fn encode(&self, writer: &mut Writer) {
        writer.i16(self.api.code());
        writer.i16(self.api_version);
        writer.i32(self.correlation_id);
        writer.text(self.client_id.as_deref(), false);
        if request_header_version(self.api, self.api_version) == 2 {
            writer.uvarint(0);
        }
    }
}

/// What precedes the body of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHeader {
    /// The correlation id of the request.
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Reads the header of the response to a request of `version`.
    pub fn decode(reader: &mut Reader<'_>, api: ApiKey, version: i16) -> Result<Self, WireError> {
        let correlation_id = reader.i32()?;
        if response_header_version(api, version) == 1 {
            reader.skip_tagged_fields()?;
        }
        Ok(Self { correlation_id })
    }

    /// Writes the header of the response to a request of `version`.
    pub fn encode(self, writer: &mut Writer, api: ApiKey, version: i16) {
        writer.i32(self.correlation_id);
        if response_header_version(api, version) == 1 {
            writer.uvarint(0);
        }
    }
}
