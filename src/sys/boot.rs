//! Which run of the operating system this is.

/// What tells one start of the operating system from another (random(4)).
pub(crate) const PLACE: &str = "/proc/sys/kernel/random/boot_id";

/// A value that differs after each start of the operating system; `None` where it is unknown.
#[must_use]
pub(crate) fn boot() -> Option<[u8; 32]> {
    #[cfg(test)]
    if let Some(other) = std::env::var_os("POTLUCK_TEST_BOOT") {
        return Some(blake3::derive_key("potluck 1 boot in a test", other.as_encoded_bytes()));
    }
    let id = std::fs::read(PLACE).ok().filter(|id| id.len() >= 32)?;
    Some(blake3::derive_key("potluck 1 boot", &id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_change_while_the_system_runs() {
        assert_eq!(boot(), boot());
        assert!(cfg!(not(target_os = "linux")) || boot().is_some());
    }
}
