//! Settings that are one of several names.

/// One of several names, as the command line, pipeline files and tables spell them. [`choice!`](macro@crate::choice) makes a
/// list of variants one.
pub trait Choice: Copy + 'static {
    /// What sort of thing it names, for messages.
    const WHAT: &'static str;
    /// Every one, in the order in which they are listed.
    const EVERY: &'static [Self];

    /// Its name.
    fn called(self) -> &'static str;

    /// The one of this name.
    ///
    /// # Errors
    /// Where there is none, with the nearest that there is.
    fn named(name: &str) -> Result<Self, String> {
        let found = Self::EVERY.iter().copied().find(|choice| choice.called() == name);
        let known = || Self::EVERY.iter().map(|choice| choice.called()).collect::<Vec<_>>();
        found.ok_or_else(|| crate::suggest::unknown(Self::WHAT, name, &known()))
    }
}

/// Gives an enum its names, once: `ALL`, `name`, and with them reading and writing as text and as a setting.
///
/// ```text
/// choice!(Merge, "rule", { Kb => "kb", Name => "name", None => "none" });
/// ```
#[macro_export]
macro_rules! choice {
    ($type:ty, $what:literal, { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every one.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name, in settings and tables.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl $crate::choice::Choice for $type {
            const WHAT: &'static str = $what;
            const EVERY: &'static [Self] = &Self::ALL;

            fn called(self) -> &'static str {
                self.name()
            }
        }

        impl ::std::str::FromStr for $type {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                $crate::choice::Choice::named(name)
            }
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.write_str(self.name())
            }
        }

        impl $crate::serde::Serialize for $type {
            fn serialize<S: $crate::serde::Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
                target.serialize_str(self.name())
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $type {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
                let name = <String as $crate::serde::Deserialize>::deserialize(source)?;
                name.parse().map_err($crate::serde::de::Error::custom)
            }
        }
    };
}
