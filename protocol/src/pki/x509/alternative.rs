//! Subject alternative names (RFC 5280 section 4.2.1.6): further names of a subject, and whether one is wanted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_cert::der::Decode;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::certificate::Certificate;
use super::name;

/// The alternative names of an extension, in words; nothing if it cannot be read.
pub(super) fn texts(der: &[u8]) -> Option<Vec<String>> {
    let SubjectAltName(names) = SubjectAltName::from_der(der).ok()?;
    Some(names.iter().map(text).collect())
}

fn text(name: &GeneralName) -> String {
    match name {
        GeneralName::DnsName(name) => format!("DNS:{}", name.as_str()),
        GeneralName::Rfc822Name(name) => format!("email:{}", name.as_str()),
        GeneralName::UniformResourceIdentifier(name) => format!("URI:{}", name.as_str()),
        GeneralName::DirectoryName(name) => format!("directory:{}", name::text(name)),
        GeneralName::IpAddress(bytes) => match address(bytes.as_bytes()) {
            Some(address) => format!("IP:{address}"),
            None => "IP: cannot be read".to_owned(),
        },
        GeneralName::RegisteredId(oid) => format!("OID:{oid}"),
        GeneralName::OtherName(_) | GeneralName::EdiPartyName(_) => "another kind".to_owned(),
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(|four| Ipv4Addr::from(four).into());
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|all| Ipv6Addr::from(all).into())).ok()
}

impl Certificate {
    /// Its alternative names, in words, in order: `DNS:a.example`, `IP:192.0.2.1`. None where they cannot be read.
    pub fn alternatives(&self) -> Vec<String> {
        let all = self.parsed.tbs_certificate().extensions().into_iter().flatten();
        let own = all.filter(|extension| extension.extn_id == SubjectAltName::OID);
        own.filter_map(|extension| texts(extension.extn_value.as_bytes())).flatten().collect()
    }

    /// Whether it is for somebody of this name: the common name, or one of the alternative names. The case of host
    /// names does not count, and `*` stands for the first part of one (RFC 6125 section 6.4).
    pub fn is_for(&self, wanted: &str) -> bool {
        let common = self.readable_common_name();
        common.as_deref() == Some(wanted)
            || self.alternatives().iter().any(|own| matches(own, wanted))
    }
}

/// Whether an alternative name in words is the one wanted, with or without its kind.
fn matches(own: &str, wanted: &str) -> bool {
    let Some((kind, name)) = own.split_once(':') else { return false };
    let wanted =
        wanted.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':')).unwrap_or(wanted);
    match kind {
        "DNS" => {
            let wanted = wanted.strip_suffix('.').unwrap_or(wanted);
            let parent = name.strip_prefix("*.").zip(wanted.split_once('.'));
            let covered = |(parent, (first, rest)): (&str, (&str, &str))| {
                !first.is_empty() && parent.contains('.') && rest.eq_ignore_ascii_case(parent)
            };
            name.eq_ignore_ascii_case(wanted) || parent.is_some_and(covered)
        }
        "IP" => wanted.parse().is_ok_and(|wanted: IpAddr| Ok(wanted) == name.parse()),
        _ => name == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alternative_name_is_the_one_wanted() {
        for (own, wanted, expected) in [
            ("DNS:a.example.org", "a.example.org", true),
            ("DNS:a.example.org", "A.Example.ORG.", true),
            ("DNS:a.example.org", "DNS:a.example.org", true),
            ("DNS:a.example.org", "b.example.org", false),
            ("DNS:*.example.org", "a.example.org", true),
            ("DNS:*.example.org", "a.b.example.org", false),
            ("DNS:*.example.org", "example.org", false),
            ("DNS:*.example.org", ".example.org", false),
            ("DNS:*.org", "example.org", false),
            ("IP:192.0.2.1", "192.0.2.1", true),
            ("IP:2001:db8::1", "2001:0db8:0::1", true),
            ("IP:192.0.2.1", "192.0.2.10", false),
            ("IP: cannot be read", "", false),
            ("email:ann@example.org", "ann@example.org", true),
            ("email:ann@example.org", "Ann@example.org", false),
            ("URI:https://a/", "https://a/", true),
            ("another kind", "another kind", false),
        ] {
            assert_eq!(matches(own, wanted), expected, "{own} {wanted}");
        }
    }
}
