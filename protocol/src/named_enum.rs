//! Enumerations whose variants have a name in files, on the command line and in reports. Some are open: a system from elsewhere
//! adds to them by a name.

use std::fmt;

/// Declares an enumeration with `ALL`, `name` and `named`. Every variant has a doc comment and its word.
#[macro_export]
macro_rules! named_enum {
    ($(#[doc = $about:literal])+ $Enum:ident { $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $Enum { $($(#[doc = $doc])+ $variant,)+ }

        impl $Enum {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word scenario files and reports use.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The one of that name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

/// As [`named_enum!`], and open: [`new`](OwnName) makes one of any other name. `ALL` holds those that are known here.
#[macro_export]
macro_rules! open_named_enum {
    ($(#[doc = $about:literal])+ $Enum:ident { $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+ }) => {
        $(#[doc = $about])+
        ///
        /// A name is enough for a further one: see [`Self::new`]. It is equal to those of the same name.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $Enum {
            $($(#[doc = $doc])+ $variant,)+
            /// One from elsewhere, by its name.
            Own($crate::named_enum::OwnName),
        }

        impl $Enum {
            /// All that are known here, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The one of that name: one of [`Self::ALL`], or a further one.
            pub const fn new(name: &'static str) -> Self {
                let mut rest = Self::ALL;
                while let [known, others @ ..] = rest {
                    if $crate::named_enum::is_same(known.name(), name) {
                        return *known;
                    }
                    rest = others;
                }
                Self::Own($crate::named_enum::OwnName::new(name))
            }

            /// The word scenario files and reports use.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Own(own) => own.text(),
                }
            }

            /// The one of [`Self::ALL`] of that name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }

            /// Its place in [`Self::ALL`]; nothing for one that is not known here.
            pub const fn index(self) -> Option<usize> {
                enum Known { $($variant,)+ }
                match self {
                    $(Self::$variant => Some(Known::$variant as usize),)+
                    Self::Own(_) => None,
                }
            }
        }
    };
}

/// A name that stands for nothing known here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnName(&'static str);

impl OwnName {
    /// This name.
    pub const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// The name as text.
    pub const fn text(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for OwnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether two texts are equal; usable in constants.
pub const fn is_same(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while let ([first, rest @ ..], [second, others @ ..]) = (one, other) {
        if *first != *second {
            return false;
        }
        (one, other) = (rest, others);
    }
    one.is_empty() && other.is_empty()
}

#[cfg(test)]
mod tests {
    use crate::endpoint::Check;
    use crate::weakness::Weakness;

    #[test]
    fn a_name_is_enough_and_a_known_one_is_the_known_one() {
        const OWN: Check = Check::new("cookie");
        assert_eq!((OWN.name(), OWN.index()), ("cookie", None));
        assert_eq!(OWN, Check::new(&String::from("cookie").leak()[..]));
        assert_ne!(OWN, Check::new("cookies"));
        assert!(Check::ALL.iter().all(|known| *known < OWN), "those that are known come first");
        for (index, known) in Check::ALL.iter().enumerate() {
            assert_eq!((Check::new(known.name()), known.index()), (*known, Some(index)));
        }
        for (index, known) in Weakness::ALL.iter().enumerate() {
            assert_eq!((Weakness::new(known.name()), known.index()), (*known, Some(index)));
        }
    }
}
