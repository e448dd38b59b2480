//! How a domain type becomes bytes without knowing of it: a mirror, and the glue to serde.
//!
//! A mirror is a type of this crate whose serde form is a format. A field of a domain type is
//! written through its mirror with `#[serde(with = "crate::mirror")]`.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A type that is written and read through another one.
pub(crate) trait Mirror: Sized {
    /// What is written.
    type Wire: Serialize + DeserializeOwned;

    /// The form that is written.
    fn to_wire(&self) -> Self::Wire;

    /// The value of a form that was read; a text says why there is none.
    fn from_wire(wire: Self::Wire) -> Result<Self, &'static str>;
}

/// For `#[serde(with = "crate::mirror")]`.
pub(crate) fn serialize<T: Mirror, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    value.to_wire().serialize(to)
}

/// For `#[serde(with = "crate::mirror")]`.
pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Mirror,
    D: Deserializer<'de>,
{
    T::from_wire(T::Wire::deserialize(from)?).map_err(D::Error::custom)
}

/// Bytes of a value, after those that are in `start`.
pub(crate) fn to_bytes<T: Serialize>(start: Vec<u8>, value: &T) -> Vec<u8> {
    match postcard::to_extend(value, start) {
        Ok(bytes) => bytes,
        // Postcard fails on full buffers and on sequences of unknown length: there are neither here.
        Err(error) => unreachable!("a value can't be encoded: {error}"),
    }
}

macro_rules! as_itself {
    ($($type:ty),*) => {$(
        impl Mirror for $type {
            type Wire = $type;

            fn to_wire(&self) -> $type {
                self.clone()
            }

            fn from_wire(wire: $type) -> Result<$type, &'static str> {
                Ok(wire)
            }
        }
    )*};
}

as_itself!(bool, u8, i32, u32, u64, f32, f64, String, [u32; 3], [u8; 32]);

impl<T: Mirror> Mirror for Option<T> {
    type Wire = Option<T::Wire>;

    fn to_wire(&self) -> Self::Wire {
        self.as_ref().map(T::to_wire)
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, &'static str> {
        wire.map(T::from_wire).transpose()
    }
}

impl<T: Mirror> Mirror for Box<T> {
    type Wire = T::Wire;

    fn to_wire(&self) -> Self::Wire {
        self.as_ref().to_wire()
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, &'static str> {
        T::from_wire(wire).map(Box::new)
    }
}

impl<T: Mirror> Mirror for Arc<T> {
    type Wire = T::Wire;

    fn to_wire(&self) -> Self::Wire {
        self.as_ref().to_wire()
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, &'static str> {
        T::from_wire(wire).map(Arc::new)
    }
}

impl<T: Mirror> Mirror for Vec<T> {
    type Wire = Vec<T::Wire>;

    fn to_wire(&self) -> Self::Wire {
        self.iter().map(T::to_wire).collect()
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, &'static str> {
        wire.into_iter().map(T::from_wire).collect()
    }
}

impl<T: Mirror + Ord> Mirror for BTreeSet<T> {
    type Wire = Vec<T::Wire>;

    fn to_wire(&self) -> Self::Wire {
        self.iter().map(T::to_wire).collect()
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, &'static str> {
        wire.into_iter().map(T::from_wire).collect()
    }
}

/// A mirror with the same fields in the given order, which is their order in the bytes.
macro_rules! mirror_struct {
    ($domain:ident as $wire:ident { $($field:ident: $type:ty,)* }) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        pub(crate) struct $wire {
            $(#[serde(with = "crate::mirror")] $field: $type,)*
        }

        impl crate::mirror::Mirror for $domain {
            type Wire = $wire;

            fn to_wire(&self) -> $wire {
                let $domain { $($field,)* } = self;
                $wire { $($field: $field.clone(),)* }
            }

            fn from_wire(wire: $wire) -> Result<$domain, &'static str> {
                let $wire { $($field,)* } = wire;
                Ok($domain { $($field,)* })
            }
        }
    };
}

/// A mirror of an enum whose variants have no fields; their order is their number in the bytes.
macro_rules! mirror_enum {
    ($domain:ident as $wire:ident { $($variant:ident,)* }) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        pub(crate) enum $wire { $($variant,)* }

        impl crate::mirror::Mirror for $domain {
            type Wire = $wire;

            fn to_wire(&self) -> $wire {
                match self { $($domain::$variant => $wire::$variant,)* }
            }

            fn from_wire(wire: $wire) -> Result<$domain, &'static str> {
                Ok(match wire { $($wire::$variant => $domain::$variant,)* })
            }
        }
    };
}

/// A mirror of a type that wraps one value, as that value.
macro_rules! mirror_newtype {
    ($($domain:ident as $wire:ty,)*) => {$(
        impl crate::mirror::Mirror for $domain {
            type Wire = $wire;

            fn to_wire(&self) -> $wire {
                self.0.clone()
            }

            fn from_wire(wire: $wire) -> Result<$domain, &'static str> {
                Ok($domain(wire))
            }
        }
    )*};
}

pub(crate) use {mirror_enum, mirror_newtype, mirror_struct};
