pub(super) fn profiles() -> Vec<crate::weakness::Profile> {
    use crate::weakness::Profile;
    let mut all = vec![Profile::as_built(&super::SYSTEM), Profile::HARDENED];
    all.extend(super::SYSTEM.planted.iter().map(|planted| Profile::only(planted.weakness)));
    all
}
