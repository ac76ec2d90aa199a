//! Enumerations whose variants have a name in files, on the command line and in reports.

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
