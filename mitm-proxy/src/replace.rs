//! Text for text inside of bytes: what `re-encrypt` and a key agreement in the middle change.

/// Replace every occurrence; whether there was one.
pub(crate) fn replace(text: &mut Vec<u8>, find: &[u8], put: &[u8]) -> bool {
    let mut out = Vec::with_capacity(text.len());
    let (mut rest, mut found) = (&text[..], false);
    while let Some((first, others)) = rest.split_first() {
        if !find.is_empty() && rest.starts_with(find) {
            out.extend_from_slice(put);
            rest = rest.get(find.len()..).unwrap_or_default();
            found = true;
        } else {
            out.push(*first);
            rest = others;
        }
    }
    *text = out;
    found
}
