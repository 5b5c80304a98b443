//! How messages are declared: the `message!` macro, and what it expands to.
//!
//! A declaration lists the fields in wire order. Modifiers of a field, in this order:
//! `tag 0` (a tagged field), `in 4..` (versions that have it), `null 1..` (versions in which its
//! null is allowed; all, when absent), `else true` (its value where a version or a sender leaves it
//! out; the type's default, when absent). `api!` binds a pair of declarations to a row of the table
//! of APIs.

use crate::{ApiInfo, ApiKey, Bytes, Float64, Reader, Records, Text, Uuid, WireError, Writer};

/// The body of a request or response.
pub trait Message<'a>: Sized {
    /// The API it belongs to.
    const KEY: ApiKey;

    /// The API's row of the table: versions, and the first flexible one.
    const API: &'static ApiInfo = Self::KEY.info();

    /// Reads the body in `version`. Bytes behind it are left in the reader.
    fn decode(reader: &mut Reader<'a>, version: i16) -> Result<Self, WireError>;

    /// Writes the body in `version`. Fields that the version lacks are left out; a value that does
    /// not fit is reported by [`Writer::finish`].
    fn encode(&self, writer: &mut Writer, version: i16);
}

/// A request, which knows its response.
pub trait Request<'a>: Message<'a> {
    /// What the other side answers, in the same version.
    type Response<'r>: Message<'r>;
}

/// What the bytes of a structure depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) version: i16,
    pub(crate) flexible: bool,
}

impl Layout {
    #[inline]
    pub(crate) fn of(api: &ApiInfo, version: i16) -> Option<Self> {
        api.decodes(version).then_some(Self { version, flexible: version >= api.flexible_from })
    }
}

/// A value with a place in a message: a primitive, a structure, or an array of them.
pub(crate) trait Field<'a>: Sized {
    fn read(reader: &mut Reader<'a>, layout: Layout) -> Result<Self, WireError>;

    fn write(&self, writer: &mut Writer, layout: Layout);

    /// The fewest bytes it takes on the wire: bounds the count of an array before memory is taken.
    fn wire_min(layout: Layout) -> usize;

    fn is_null(&self) -> bool {
        false
    }
}

/// What `message!` declared: distinguishes the null of a structure from that of other values.
pub(crate) trait Structure {}

/// Whether a tagged field must be sent.
#[inline]
pub(crate) fn differ<T: PartialEq>(value: &T, default: &T) -> bool {
    value != default
}

/// Whether a field says how long a client shall wait: a name that only responses have, and at most
/// once. Known when the code is compiled.
#[inline]
pub(crate) const fn is_throttle_time(field: &str) -> bool {
    const NAME: &[u8] = b"throttle_time_ms";
    let field = field.as_bytes();
    if field.len() != NAME.len() {
        return false;
    }
    let mut at = 0;
    while at < NAME.len() {
        if field[at] != NAME[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Refuses a null in a version that does not allow it.
#[inline]
pub(crate) fn refuse_null<'a>(
    value: &impl Field<'a>,
    field: &'static str,
    layout: Layout,
) -> Result<(), WireError> {
    if value.is_null() {
        return Err(WireError::NullField { field, version: layout.version });
    }
    Ok(())
}

macro_rules! primitives {
    ($($ty:ty, $method:ident;)*) => { $(
        impl<'a> Field<'a> for $ty {
            #[inline]
            fn read(reader: &mut Reader<'a>, _layout: Layout) -> Result<Self, WireError> {
                reader.$method()
            }

            #[inline]
            fn write(&self, writer: &mut Writer, _layout: Layout) {
                writer.$method(*self);
            }

            #[inline]
            fn wire_min(_layout: Layout) -> usize {
                size_of::<Self>()
            }
        }
    )* };
}

primitives! {
    bool, bool;
    i8, i8;
    i16, i16;
    i32, i32;
    i64, i64;
    u16, u16;
    Float64, float64;
    Uuid, uuid;
}

impl<'a> Field<'a> for Option<Text<'a>> {
    #[inline]
    fn read(reader: &mut Reader<'a>, layout: Layout) -> Result<Self, WireError> {
        reader.text(layout.flexible)
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) {
        writer.text(self.as_deref(), layout.flexible);
    }

    #[inline]
    fn wire_min(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 2 }
    }

    #[inline]
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<'a> Field<'a> for Text<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>, layout: Layout) -> Result<Self, WireError> {
        reader.text(layout.flexible)?.ok_or(WireError::Null)
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) {
        writer.text(Some(self), layout.flexible);
    }

    #[inline]
    fn wire_min(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 2 }
    }
}

impl<'a> Field<'a> for Option<Bytes<'a>> {
    #[inline]
    fn read(reader: &mut Reader<'a>, layout: Layout) -> Result<Self, WireError> {
        Ok(reader.bytes(layout.flexible)?.map(Bytes::Borrowed))
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) {
        writer.bytes(self.as_deref(), layout.flexible);
    }

    #[inline]
    fn wire_min(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 4 }
    }

    #[inline]
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<'a> Field<'a> for Bytes<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>, layout: Layout) -> Result<Self, WireError> {
        <Option<Self>>::read(reader, layout)?.ok_or(WireError::Null)
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) {
        writer.bytes(Some(self), layout.flexible);
    }

    #[inline]
    fn wire_min(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 4 }
    }
}

/// A structure that may be null, outside of tagged fields: one byte says whether it is there.
impl<'a, T: Field<'a> + Structure> Field<'a> for Option<T> {
    #[inline]
    fn read(reader: &mut Reader<'a>, layout: Layout) -> Result<Self, WireError> {
        if reader.i8()? < 0 { Ok(None) } else { T::read(reader, layout).map(Some) }
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) {
        match self {
            Some(structure) => {
                writer.i8(1);
                structure.write(writer, layout);
            }
            None => writer.i8(-1),
        }
    }

    #[inline]
    fn wire_min(_layout: Layout) -> usize {
        1
    }

    #[inline]
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<'a, T: Field<'a>> Field<'a> for Option<Vec<T>> {
    #[inline]
    fn read(reader: &mut Reader<'a>, layout: Layout) -> Result<Self, WireError> {
        let Some(count) =
            reader.array_count(layout.flexible, T::wire_min(layout), size_of::<T>())?
        else {
            return Ok(None);
        };
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(T::read(reader, layout)?);
        }
        Ok(Some(elements))
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) {
        match self {
            Some(elements) => elements.write(writer, layout),
            None => writer.length(None, layout.flexible),
        }
    }

    #[inline]
    fn wire_min(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 4 }
    }

    #[inline]
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<'a, T: Field<'a>> Field<'a> for Vec<T> {
    #[inline]
    fn read(reader: &mut Reader<'a>, layout: Layout) -> Result<Self, WireError> {
        <Option<Self>>::read(reader, layout)?.ok_or(WireError::Null)
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) {
        writer.reserve(5 + self.len() * T::wire_min(layout));
        writer.length(Some(self.len()), layout.flexible);
        for element in self {
            element.write(writer, layout);
        }
    }

    #[inline]
    fn wire_min(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 4 }
    }
}

impl<'a> Field<'a> for Records<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>, layout: Layout) -> Result<Self, WireError> {
        Ok(reader.bytes(layout.flexible)?.map_or(Self::Null, Self::Bytes))
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) {
        match *self {
            Self::Null => writer.bytes(None, layout.flexible),
            Self::Bytes(bytes) => writer.bytes(Some(bytes), layout.flexible),
            Self::External { len } => writer.external(len, layout.flexible),
        }
    }

    #[inline]
    fn wire_min(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 4 }
    }

    #[inline]
    fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// Declares structures of the protocol; see the top of this file.
macro_rules! message {
    (@tagged) => { false };
    (@tagged $tag:literal) => { true };
    (@tag) => { 0 };
    (@tag $tag:literal) => { $tag };
    (@is_tag $found:ident) => { false };
    (@is_tag $found:ident $tag:literal) => { $found == $tag };
    (@has $layout:ident) => { true };
    (@has $layout:ident $range:expr) => { ($range).contains(&$layout.version) };
    (@default) => { ::std::default::Default::default() };
    (@default $else:expr) => { $else };

    ($( $(#[$meta:meta])* $name:ident $(<$lifetime:lifetime>)? { $(
        $(#[$field_meta:meta])*
        $field:ident: $ty:ty
            $(, tag $tag:literal)? $(, in $range:expr)? $(, null $null:expr)? $(, else $else:expr)?;
    )* } )*) => { $(
        $(#[$meta])*
        #[allow(missing_docs, reason = "fields have the names and meanings of Kafka's schema")]
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name $(<$lifetime>)? {
            $( $(#[$field_meta])* pub $field: $ty, )*
        }

        impl $(<$lifetime>)? Default for $name $(<$lifetime>)? {
            fn default() -> Self {
                Self { $( $field: message!(@default $($else)?), )* }
            }
        }

        impl $(<$lifetime>)? $crate::message::Structure for $name $(<$lifetime>)? {}

        impl<'a> $crate::message::Field<'a> for $name $(<$lifetime>)? {
            fn read(
                reader: &mut $crate::Reader<'a>,
                layout: $crate::message::Layout,
            ) -> Result<Self, $crate::WireError> {
                $(
                    let mut $field: $ty =
                        if !message!(@tagged $($tag)?) && message!(@has layout $($range)?) {
                            let value = $crate::message::Field::read(reader, layout)?;
                            $( if !($null).contains(&layout.version) {
                                let name = concat!(stringify!($name), ".", stringify!($field));
                                $crate::message::refuse_null(&value, name, layout)?;
                            } )?
                            value
                        } else {
                            message!(@default $($else)?)
                        };
                )*
                if layout.flexible {
                    for _ in 0..reader.uvarint()? {
                        let (tag, end) = reader.tagged_field()?;
                        $( if message!(@is_tag tag $($tag)?) && message!(@has layout $($range)?) {
                            $field = $crate::message::Field::read(reader, layout)?;
                        } else )* {
                            reader.skip(reader.remaining() - end)?;
                        }
                        if reader.remaining() != end {
                            return Err($crate::WireError::TagLength { tag });
                        }
                    }
                }
                Ok(Self { $( $field ),* })
            }

            fn write(&self, writer: &mut $crate::Writer, layout: $crate::message::Layout) {
                $( if !message!(@tagged $($tag)?) && message!(@has layout $($range)?) {
                    $( if !($null).contains(&layout.version) {
                        let name = concat!(stringify!($name), ".", stringify!($field));
                        if $crate::message::refuse_null(&self.$field, name, layout).is_err() {
                            let version = layout.version;
                            writer.fail($crate::EncodeError::NullField { field: name, version });
                        }
                    } )?
                    if const { $crate::message::is_throttle_time(stringify!($field)) } {
                        writer.mark_throttle_time();
                    }
                    $crate::message::Field::write(&self.$field, writer, layout);
                } )*
                if layout.flexible {
                    // A tagged field is sent only when it differs from what its absence means.
                    let sent = [$(
                        message!(@tagged $($tag)?)
                            && message!(@has layout $($range)?)
                            && $crate::message::differ(&self.$field, &message!(@default $($else)?)),
                    )*];
                    writer.uvarint(sent.iter().map(|sent| u32::from(*sent)).sum());
                    let mut sent = sent.into_iter();
                    $( if sent.next() == Some(true) {
                        writer.tagged_field(message!(@tag $($tag)?), |writer| {
                            $crate::message::Field::write(&self.$field, writer, layout);
                        });
                    } )*
                }
            }

            #[inline]
            fn wire_min(layout: $crate::message::Layout) -> usize {
                usize::from(layout.flexible) $( +
                    if !message!(@tagged $($tag)?) && message!(@has layout $($range)?) {
                        <$ty as $crate::message::Field>::wire_min(layout)
                    } else {
                        0
                    }
                )*
            }
        }
    )* };
}

/// Binds a request and its response to an API: `api!(Metadata: MetadataRequest<'q> => ...<'r>);`.
macro_rules! api {
    ($key:ident: $request:ty => $response:ty) => {
        impl<'q> $crate::Request<'q> for $request {
            type Response<'r> = $response;
        }

        impl<'q> $crate::Message<'q> for $request {
            api!(@methods 'q $key);
        }

        impl<'r> $crate::Message<'r> for $response {
            api!(@methods 'r $key);
        }
    };

    (@methods $lifetime:lifetime $key:ident) => {
        const KEY: $crate::ApiKey = $crate::ApiKey::$key;

        fn decode(
            reader: &mut $crate::Reader<$lifetime>,
            version: i16,
        ) -> Result<Self, $crate::WireError> {
            let Some(layout) = $crate::message::Layout::of(Self::API, version) else {
                return Err($crate::WireError::UnsupportedVersion { api: Self::KEY, version });
            };
            $crate::message::Field::read(reader, layout)
        }

        fn encode(&self, writer: &mut $crate::Writer, version: i16) {
            let Some(layout) = $crate::message::Layout::of(Self::API, version) else {
                let api = Self::KEY;
                return writer.fail($crate::EncodeError::UnsupportedVersion { api, version });
            };
            $crate::message::Field::write(self, writer, layout);
        }
    };
}
