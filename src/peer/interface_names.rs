//! Addresses as other programs of this machine take them: a link-local one needs the name of its interface. Pure.

use std::collections::BTreeMap;

use crate::address::Host;

/// What the interfaces are called, by their numbers.
#[derive(Debug, Default)]
pub(super) struct InterfaceNames(BTreeMap<u32, String>);

impl InterfaceNames {
    /// They are called so now.
    pub(super) fn set(&mut self, names: BTreeMap<u32, String>) {
        self.0 = names;
    }

    /// An address, to be shown and copied.
    pub(super) fn shown(&self, host: Host) -> String {
        match self.0.get(&host.scope).filter(|_| host.scope != 0) {
            Some(name) => format!("{}%{name}", host.ip),
            None => host.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_has_the_name_of_its_interface() {
        let mut names = InterfaceNames::default();
        names.set([(2, "eth0".to_owned())].into());
        let shown = |ip: &str, scope| names.shown(Host { ip: ip.parse().unwrap(), scope });
        assert_eq!(shown("fe80::1", 2), "fe80::1%eth0");
        assert_eq!(shown("fe80::1", 3), "fe80::1%3", "it is gone, or not used");
        assert_eq!(shown("10.0.0.1", 0), "10.0.0.1");
    }
}
